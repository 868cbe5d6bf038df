"""Who answers: the embedded teacher (no LLM, no GPU), a scripted one for tests, and any DSPy language model."""

import os

# On first use DSPy asks LiteLLM for its price list, which comes from the web unless this says otherwise.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

# TRL's import sets this to ERROR for the whole process unless it is there; a server started after it would keep an
# empty log. INFO is vLLM's own default.
os.environ.setdefault("VLLM_LOGGING_LEVEL", "INFO")
