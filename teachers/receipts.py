"""What a caller says and wants to know of its request beyond words and answer; DSPy passes only these on."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Receipt:
    """Filled in by the engine while the request is under way."""

    label: str = ""
    """What the request is for, `NOTE/STEP`; said by the caller, kept beside the cached answer."""
    sample: str = ""
    """Which of several answers to the same request is meant, DSPy's `rollout_id`; said by the caller."""
    cached: bool = False
    """Whether no model worked for it."""
    finish_reason: str = ""
    prompt_tokens: int = 0
    """0 where the answer came from the cache."""
    completion_tokens: int = 0
    attempts: int = 0
    """Times it was sent."""


receipt: ContextVar[Receipt | None] = ContextVar("tagllm_receipt", default=None)
"""The one of the current task; several requests under one receipt add up."""
