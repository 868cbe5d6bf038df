"""Students: a small model learns to tag in one step from a corpus, and is measured against its teacher."""

from typing import TYPE_CHECKING, Any

from distill.student.config import StudentError, StudentRefused, TrainingConfig

if TYPE_CHECKING:
    from distill.student.folder import StudentSummary, read_curve, read_student
    from distill.student.training import train

__all__ = [
    "StudentError",
    "StudentRefused",
    "StudentSummary",
    "TrainingConfig",
    "read_curve",
    "read_student",
    "train",
]


def __getattr__(name: str) -> Any:
    """The command line reads the configuration's fields, and needs nothing else to say what it can do."""
    if name == "train":
        from distill.student.training import train

        return train
    if name in ("StudentSummary", "read_curve", "read_student"):
        from distill.student import folder

        return getattr(folder, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
