"""Training NoteLLM: pairs of notes and what their authors wrote, to a model's folder."""

from recommend.training.config import TrainingConfig

__all__ = ["TrainingConfig"]
