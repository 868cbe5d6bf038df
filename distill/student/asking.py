"""How a student is asked: in the words, the house form and the pictures' size that it learned from."""

from typing import NamedTuple

import prompts
from distill.student.config import StudentError
from distill.student.folder import find_student
from signatures.questions import TagLimits
from signatures.student import StudentStep


class Asking(NamedTuple):
    """How a student is asked."""

    words: str
    limits: TagLimits | None
    """As its words name them; None: as the run's own limits are."""
    step: StudentStep
    max_side: int | None
    """Pixels of pictures; None: as they are for every teacher."""


def asked_as(model: str, words: str = "") -> Asking:
    """How the student in the folder `model` is asked; one that only a server knows, in the latest words.

    Args:
        model: A student's folder, or a name.
        words: Version to ask with all the same; empty: the one it learned from.

    Raises:
        StudentError: it learned other answers than tags, or its words have changed since.
        prompts.PromptError: there are no such words.
    """
    if words and prompts.place(words)[0].partition("/")[0] != "student":
        raise prompts.PromptError(
            f"{words!r} are no words for a student; name a version of student, such as student/v1"
        )
    made = find_student(model)
    if made is None:
        return Asking(words or prompts.default("student"), None, "tags", None)
    if made.step is None:
        raise StudentError(f"{model} learned the teacher's steps; ask it with --graph steps or fused")
    if not words and prompts.named(made.words).digest != made.words_digest:
        raise StudentError(
            f"{model} learned from {made.words} with digest {made.words_digest}, which has changed since; restore the "
            "words, or name others with --prompts"
        )
    return Asking(words or made.words, TagLimits.model_validate(made.limits), made.step, made.max_side)
