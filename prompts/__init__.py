"""The words: numbered versions of prompt programs, pinned by digest.

A version is a folder `prompts/NAME/vN/` with one Markdown file a step, `demos.jsonl` and `program.toml`. A version that
has made data is never edited: `prompts.lock.json` pins every file, and loading checks the pins.
"""

from pathlib import Path

from prompts.contract import require
from prompts.pins import pin as _pin
from prompts.program import ROOT, Prompt, PromptError, PromptProgram, load, names, place, versions


def pin(root: Path = ROOT) -> dict[str, str]:
    """Pin every file of every version that is not pinned yet; what is pinned stays as it is."""
    return _pin(root)


def named(text: str) -> PromptProgram:
    """The version that `text` names, `tagging/v2` or a folder, fit to ask with.

    Raises:
        PromptError: there is none, or its words lack a step or a slot.
    """
    return require(load(*place(text)))


def default(name: str, root: Path = ROOT) -> str:
    """The version that is used when nobody names one: the latest that does not say `default = false`.

    Raises:
        PromptError: the program has no version.
    """
    for version in reversed(versions(name, root)):
        if load(f"{name}/v{version}", root).about.get("default", True):
            return f"{name}/v{version}"
    raise PromptError(f"no version of {name!r} can be a default; programs: {', '.join(names(root))}")


def is_stale(id: str, root: Path = ROOT) -> bool:
    """Whether today's default is another version than the one that made something; also where it is gone."""
    name = id.partition("/")[0]
    return name not in names(root) or default(name, root) != id


__all__ = [
    "Prompt",
    "PromptError",
    "PromptProgram",
    "default",
    "is_stale",
    "load",
    "named",
    "names",
    "pin",
    "place",
    "require",
    "versions",
]
