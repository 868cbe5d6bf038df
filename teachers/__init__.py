"""Who answers: the embedded teacher (no LLM, no GPU), a scripted one for tests, and any DSPy language model."""

import os

# On first use DSPy asks LiteLLM for its price list, which comes from the web unless this says otherwise.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")
