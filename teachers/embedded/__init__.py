"""The embedded teacher's senses: a sentence encoder and a reader of pictures, both carried inside their packages."""

from teachers.embedded.encoder import Encoded, Encoder
from teachers.embedded.perception import Perceiver, Perception

__all__ = ["Encoded", "Encoder", "Perceiver", "Perception"]
