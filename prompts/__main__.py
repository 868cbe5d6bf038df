"""Pin every version that is not pinned yet: `python -m prompts`."""

from prompts.program import LOCK, pin

print(f"{len(pin())} files pinned in prompts/{LOCK}")  # noqa: T201
