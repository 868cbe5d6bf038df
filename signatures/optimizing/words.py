"""What an optimiser proposes, made into words that can be used.

An optimiser knows nothing of slots. The rule: a proposal that lost a slot gets back the lines of the parent's words
that hold it, in their order, at its end; a slot that nobody can fill in becomes a plain word. Both are noted in the
version.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import dspy

from prompts.contract import SLOTS, values_of
from prompts.program import Prompt, PromptProgram
from signatures import asking
from signatures.demos import DemoRefused, kept

SIGNATURES: dict[str, type[dspy.Signature]] = {
    "describe": asking.Describe,
    "match": asking.MatchInterests,
    "draft": asking.DraftTags,
    "dedupe": asking.Dedupe,
    "refine": asking.Refine,
    "fused": asking.TagAtOnce,
}
"""By step of the tagging programs."""
_SLOT = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}")
_MARK = re.compile(r"<<(?=\s*CUSTOM-TYPE)|\[\[(?=\s*##)", re.IGNORECASE)
MAX_CHARS = 20_000
"""Of a step's words; a longer proposal is cut."""


class Fitted(NamedTuple):
    """A proposal that can be used."""

    text: str
    completed: tuple[str, ...]
    """Slots it had lost."""
    removed: tuple[str, ...]
    """Slots it had made up."""


def fitted(proposed: str, parent: Prompt, program: str) -> Fitted:
    """A proposal for a step's words, brought to the slots that the step needs.

    Args:
        proposed: What an optimiser wrote.
        parent: The words it started from.
        program: Name of the program, such as `tagging`.
    """
    step = parent.name.rpartition("/")[2]
    known, needed = values_of(program), SLOTS[program][step]
    # No marker of DSPy's may come in: what a model proposed could have been written by a note.
    text = _MARK.sub(lambda match: " ".join(match[0]), proposed[:MAX_CHARS]).strip()
    if not text:
        return Fitted(parent.text, (), ())
    removed = sorted({name for name in _SLOT.findall(text) if name not in known})
    text = _SLOT.sub(lambda match: match[0] if match[1] in known else match[1], text)
    lost = sorted(needed - set(_SLOT.findall(text)))
    lines = [line for line in parent.text.splitlines() if set(_SLOT.findall(line)).intersection(lost)]
    if lines:
        text = "\n\n".join([text, "\n".join(lines)])
    return Fitted(text, tuple(lost), tuple(removed))


class Written(NamedTuple):
    """The words that a module holds."""

    program: PromptProgram
    completed: dict[str, tuple[str, ...]]
    """By step: slots that a proposal had lost."""
    removed: dict[str, tuple[str, ...]]


def written(predictors: Iterable[tuple[str, dspy.Predict]], parent: PromptProgram) -> Written:
    """The words and demos of a module's predictors, as a program that can be asked with and written down.

    Args:
        predictors: By step.
        parent: Where they started from; its id and `about` stay.
    """
    prompts: dict[str, Prompt] = {}
    demos: list[dict[str, Any]] = []
    pictures: dict[str, bytes] = {}
    completed, removed = {}, {}
    for step, predictor in predictors:
        instructions = str(getattr(predictor.signature, "instructions", ""))
        if instructions.strip() == parent[step].text:
            prompts[step] = parent[step]
        else:
            found = fitted(instructions, parent[step], parent.name)
            prompts[step] = Prompt(parent[step].name, found.text)
            completed |= {step: found.completed} if found.completed else {}
            removed |= {step: found.removed} if found.removed else {}
        for example in predictor.demos:
            fields = {name: example[name] for name in SIGNATURES[step].fields if name in example}
            try:
                demo = kept(step, fields, pictures)
            except DemoRefused:
                continue  # a raw example of the notes, not of this step
            if len(demo) > 1 and demo not in demos:
                demos.append(demo)
    program = replace(parent, prompts=prompts, demos=tuple(demos), pictures=pictures)
    return Written(program, completed, removed)
