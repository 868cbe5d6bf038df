"""Whether a real vLLM can be tested here."""

import importlib.util


def why_not() -> str | None:
    """Why vLLM cannot run here, or None when it can."""
    missing = [name for name in ("vllm", "torch", "transformers") if importlib.util.find_spec(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None
