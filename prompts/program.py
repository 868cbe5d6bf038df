"""Loading, rendering and pinning prompt programs."""

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
LOCK = "prompts.lock.json"
_SLOT = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}")


class PromptError(ValueError):
    """A prompt program cannot be used; the message names it and the way out."""


@dataclass(frozen=True)
class Prompt:
    """The words of one step."""

    name: str
    """Such as `tagging/v1/draft`."""
    text: str

    @property
    def slots(self) -> frozenset[str]:
        """Names that must be filled in."""
        return frozenset(_SLOT.findall(self.text))

    @cached_property
    def digest(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the words."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def render(self, **values: object) -> str:
        """The words with every `{{slot}}` filled in.

        Raises:
            PromptError: a slot without a value, or a value without a slot.
        """
        missing, unknown = self.slots - values.keys(), values.keys() - self.slots
        if missing:
            raise PromptError(f"{self.name}: no value for {{{{{'}}, {{'.join(sorted(missing))}}}}}")
        if unknown:
            known = ", ".join(sorted(self.slots)) or "none"
            raise PromptError(f"{self.name}: no slot named {', '.join(sorted(unknown))}; slots in the text: {known}")
        return _SLOT.sub(lambda match: str(values[match[1]]), self.text).strip()


@dataclass(frozen=True)
class PromptProgram:
    """One version of a program's words."""

    id: str
    """Name and version: `tagging/v1`."""
    prompts: dict[str, Prompt]
    demos: tuple[dict[str, Any], ...] = ()
    """Worked examples, each with a `step`, in the order they are shown."""
    about: dict[str, Any] = field(default_factory=dict)
    """What `program.toml` says: parent, optimiser, metric, scores …"""

    def __getitem__(self, step: str) -> Prompt:
        if step not in self.prompts:
            raise PromptError(f"{self.id} has no words for {step!r}; steps there: {', '.join(sorted(self.prompts))}")
        return self.prompts[step]

    @cached_property
    def digest(self) -> str:
        """Changes when a word or a demo changes."""
        parts = [f"{step}:{prompt.digest}" for step, prompt in sorted(self.prompts.items())]
        parts.append(json.dumps(self.demos, ensure_ascii=False, sort_keys=True))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def names(root: Path = ROOT) -> list[str]:
    """Programs on disk."""
    return sorted({file.parent.parent.name for file in root.glob("*/v*/program.toml")})


def versions(name: str, root: Path = ROOT) -> list[int]:
    """Version numbers of a program on disk, ascending."""
    found = (re.fullmatch(r"v(\d+)", file.parent.name) for file in (root / name).glob("v*/program.toml"))
    return sorted(int(match[1]) for match in found if match)


def load(id: str, root: Path = ROOT) -> PromptProgram:
    """Read a version such as `tagging/v1` and check it against its pin.

    Raises:
        PromptError: no such program or version, an edited file of a pinned version, broken demos.
    """
    match = re.fullmatch(r"([a-z][a-z0-9_]*)/v(\d+)", id)
    if match is None:
        raise PromptError(f"{id!r} names no prompt program; write NAME/vN, such as tagging/v1")
    name, version = match[1], int(match[2])
    if version not in versions(name, root):
        known = ", ".join(f"{name}/v{n}" for n in versions(name, root)) or f"programs: {', '.join(names(root))}"
        raise PromptError(f"no prompt program {id}; on disk: {known}")
    folder = root / name / f"v{version}"
    _check_pins(folder, root)
    prompts = {
        file.stem: Prompt(f"{id}/{file.stem}", file.read_text("utf-8").strip()) for file in sorted(folder.glob("*.md"))
    }
    about = tomllib.loads((folder / "program.toml").read_text("utf-8"))
    return PromptProgram(id, prompts, _demos(folder / "demos.jsonl"), about)


def _demos(file: Path) -> tuple[dict[str, Any], ...]:
    demos = []
    # Not `splitlines`: it also splits at U+2028 and its like, which may stand in a note's text.
    for number, line in enumerate(file.read_text("utf-8").split("\n") if file.exists() else (), 1):
        if not line.strip():
            continue
        try:
            demo = json.loads(line)
        except ValueError as error:
            raise PromptError(f"{file}:{number}: no valid JSON: {error}") from None
        if not isinstance(demo, dict) or "step" not in demo:
            raise PromptError(f"{file}:{number}: a demo is an object with a `step` and the step's fields")
        demos.append(demo)
    return tuple(demos)


def pin(root: Path = ROOT) -> dict[str, str]:
    """Pin every file of every version that is not pinned yet; what is pinned stays as it is."""
    pins = _pins(root)
    for file in sorted(root.glob("*/v*/*")):
        if file.is_file():
            pins.setdefault(file.relative_to(root).as_posix(), _digest(file))
    pins = {name: digest for name, digest in sorted(pins.items()) if (root / name).exists()}
    (root / LOCK).write_text(json.dumps(pins, indent=2) + "\n", "utf-8")
    return pins


def _check_pins(folder: Path, root: Path) -> None:
    pins = _pins(root)
    place = folder.relative_to(root).as_posix()
    pinned = {name: digest for name, digest in pins.items() if name.startswith(f"{place}/")}
    if not pinned:
        return  # a draft: not pinned until it is meant to stay
    for name, digest in pinned.items():
        if not (root / name).is_file():
            raise PromptError(f"prompts/{name} is pinned in {LOCK} but missing; restore the file")
        if _digest(root / name) != digest:
            raise PromptError(
                f"prompts/{name} was edited after it was pinned; restore it, and write new words as a new version"
            )
    for file in folder.iterdir():
        if file.is_file() and f"{place}/{file.name}" not in pinned:
            raise PromptError(f"prompts/{place}/{file.name} was added to a pinned version; make it a new version")


def _pins(root: Path) -> dict[str, str]:
    file = root / LOCK
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
