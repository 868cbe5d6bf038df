"""What the code asks of the words: the steps of each program, and the slots their words are filled in at."""

from collections.abc import Iterator, Mapping

from prompts.program import PromptError, PromptProgram

_FORM = frozenset({"max_words", "min_han", "max_han"})
_NOTE = frozenset({"note"})
SLOTS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "tagging": {
        "describe": frozenset(),
        "match": frozenset({"max_matched"}),
        "draft": frozenset({"min_tags", "max_drafts"}) | _FORM,
        "dedupe": frozenset(),
        "refine": frozenset({"min_tags", "max_tags"}) | _FORM,
    },
    "tagging_fused": {"fused": frozenset({"max_matched", "min_tags", "max_drafts", "max_tags"}) | _FORM},
    "student": {step: frozenset({"min_tags", "max_tags"}) | _FORM for step in ("tags", "cot")},
    "handbook": {"name": frozenset({"max_words", "max_han", "max_attributes"}), "merge": frozenset()},
    "judge": {"judge": frozenset()},
    "compression": {"category": _NOTE, "hashtags": _NOTE | {"count"}, "word": _NOTE},
}
"""By program and step. Words without one of them leave an option of the command line without effect."""


def values_of(name: str) -> frozenset[str]:
    """Slots that can be filled in anywhere in a program's words."""
    return frozenset[str]().union(*SLOTS.get(name, {}).values())


def problems(program: PromptProgram) -> Iterator[str]:
    """What keeps a program's words from being used, a line each: which file, what is wrong, the way out."""
    steps = SLOTS.get(program.name)
    if steps is None:
        yield f"{program.id}: nothing asks with words named {program.name!r}; known programs: {', '.join(SLOTS)}"
        return
    for step in steps.keys() - program.prompts.keys():
        yield f"{program.id} has no words for {step!r}; add {step}.md"
    for step, prompt in program.prompts.items():
        if step not in steps:
            yield f"{program.id}: no step is named {step!r}; remove {step}.md, or name it after: {', '.join(steps)}"
            continue
        if not prompt.text:
            yield f"{prompt.name} is empty; write its words"
        for slot in sorted(steps[step] - prompt.slots):
            yield f"{prompt.name}: the slot {{{{{slot}}}}} is missing; put it where the words say this limit"
        known = values_of(program.name)
        for slot in sorted(prompt.slots - known):
            can = ", ".join(sorted(known)) or "none"
            yield f"{prompt.name}: no value is known for the slot {{{{{slot}}}}}; slots that can be filled in: {can}"
    for number, demo in enumerate(program.demos, 1):
        if demo["step"] not in steps:
            yield f"{program.id}: demo {number} is for {demo['step']!r}; steps of {program.name}: {', '.join(steps)}"


def require(program: PromptProgram) -> PromptProgram:
    """The program, if the code can ask with it.

    Raises:
        PromptError: the first of its problems.
    """
    for problem in problems(program):
        raise PromptError(problem)
    return program
