"""NoteLLM: a language model that puts a note into one word, and writes its tags from there.

words, viewing ─► base ─► network, fusion ─► losses    what is learned: recommend.training
                   └────────► folder ─► notellm        what comes of it: vectors, categories, hashtags
"""

from recommend.model.folder import ModelSummary, read_model

__all__ = ["ModelSummary", "read_model"]
