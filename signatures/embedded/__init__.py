"""The steps answered without a language model: by meaning, evidence and words present."""

from signatures.embedded.program import embedded_program

__all__ = ["embedded_program"]
