"""Prompt programs: their words, their demos, loading them from disk."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from prompts.pins import check_pins

ROOT = Path(__file__).parent
PICTURES = "pictures"
"""Folder of a version for the pictures of its demos, each named by the SHA-256 of its bytes."""
_ID = re.compile(r"([a-z][a-z0-9_]*)/v(\d+)")
_SLOT = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}")
_PICTURE = re.compile(r"[0-9a-f]{64}\.(?:jpg|png|webp)")


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
    """Worked examples, each with a `step`, in the order they are shown; a picture is `{"picture": NAME}`."""
    about: dict[str, Any] = field(default_factory=dict)
    """What `program.toml` says: parent, optimiser, metric, scores …"""
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    """Of the demos, by name: the SHA-256 of the bytes with the ending."""

    def __getitem__(self, step: str) -> Prompt:
        if step not in self.prompts:
            raise PromptError(f"{self.id} has no words for {step!r}; steps there: {', '.join(sorted(self.prompts))}")
        return self.prompts[step]

    @property
    def name(self) -> str:
        """The id without the version."""
        return self.id.partition("/")[0]

    @property
    def threshold(self) -> float:
        """Probability below which a match is left out, where one was fitted; else 0."""
        return float(self.about.get("match", {}).get("threshold", 0.0))

    @cached_property
    def digest(self) -> str:
        """Changes when a word, a demo or the threshold changes."""
        parts = [f"{step}:{prompt.digest}" for step, prompt in sorted(self.prompts.items())]
        parts.append(json.dumps(self.demos, ensure_ascii=False, sort_keys=True))
        if self.threshold:
            parts.append(f"threshold:{self.threshold!r}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    @property
    def digests(self) -> dict[str, str]:
        """Digest of every text by its name, such as `tagging/v1/draft`; with demos or a threshold, of all together."""
        found = {f"{self.id}/{step}": prompt.digest for step, prompt in sorted(self.prompts.items())}
        return found | {f"{self.id}/demos": self.digest} if self.demos or self.threshold else found


def names(root: Path = ROOT) -> list[str]:
    """Programs on disk."""
    return sorted({file.parent.parent.name for file in root.glob("*/v*/program.toml")})


def versions(name: str, root: Path = ROOT) -> list[int]:
    """Version numbers of a program on disk, ascending."""
    found = (re.fullmatch(r"v(\d+)", file.parent.name) for file in (root / name).glob("v*/program.toml"))
    return sorted(int(match[1]) for match in found if match)


def place(text: str) -> tuple[str, Path]:
    """What a person names: `tagging/v2` of the installed words, or a version's folder such as `words/tagging/v2`.

    Returns:
        The version's id and the root it lies in.

    Raises:
        PromptError: it is neither.
    """
    if _ID.fullmatch(text):
        return text, ROOT
    folder = Path(text)
    id = "/".join(folder.parts[-2:])
    if len(folder.parts) > 2 and _ID.fullmatch(id) and versions(folder.parent.name, folder.parent.parent):
        return id, folder.parent.parent
    raise PromptError(
        f"{text!r} names no prompt program; write NAME/vN, such as tagging/v1, or a version's folder, "
        "such as words/tagging/v2"
    )


def load(id: str, root: Path = ROOT) -> PromptProgram:
    """Read a version such as `tagging/v1` and check it against its pin.

    Raises:
        PromptError: no such program or version, an edited file of a pinned version, broken demos.
    """
    match = _ID.fullmatch(id)
    if match is None:
        raise PromptError(f"{id!r} names no prompt program; write NAME/vN, such as tagging/v1")
    name, version = match[1], int(match[2])
    if version not in versions(name, root):
        known = ", ".join(f"{name}/v{n}" for n in versions(name, root)) or f"programs: {', '.join(names(root))}"
        raise PromptError(f"no prompt program {id}; on disk: {known}")
    folder = root / name / f"v{version}"
    for problem in check_pins(folder, root):
        raise PromptError(problem)
    prompts = {
        file.stem: Prompt(f"{id}/{file.stem}", file.read_text("utf-8").strip()) for file in sorted(folder.glob("*.md"))
    }
    try:
        about = tomllib.loads((folder / "program.toml").read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PromptError(f"{folder / 'program.toml'}: no valid TOML: {error}") from None
    threshold = about.get("match", {}).get("threshold", 0.0) if isinstance(about.get("match", {}), dict) else None
    if not isinstance(threshold, int | float) or not 0 <= threshold < 1:
        raise PromptError(f"{folder / 'program.toml'}: [match] threshold must be 0 to below 1, got {threshold!r}")
    demos, pictures = _demos(folder / "demos.jsonl")
    return PromptProgram(id, prompts, demos, about, pictures)


def _demos(file: Path) -> tuple[tuple[dict[str, Any], ...], dict[str, bytes]]:
    demos: list[dict[str, Any]] = []
    pictures: dict[str, bytes] = {}
    # Not `splitlines`: it also splits at U+2028 and its like, which may stand in a note's text.
    for number, line in enumerate(file.read_text("utf-8").split("\n") if file.exists() else (), 1):
        if not line.strip():
            continue
        try:
            demo = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise PromptError(f"{file}:{number}: no valid JSON: {error}") from None
        if not isinstance(demo, dict) or not isinstance(demo.get("step"), str):
            raise PromptError(f"{file}:{number}: a demo is an object with a `step` and the step's fields")
        for name in pictures_in(demo):
            try:
                pictures[name] = _picture(file.parent, name)
            except PromptError as error:
                raise PromptError(f"{file}:{number}: {error}") from None
        demos.append(demo)
    return tuple(demos), pictures


def pictures_in(value: Any) -> Iterator[str]:
    """Names of the pictures that a demo shows."""
    if isinstance(value, dict):
        if value.keys() == {"picture"} and isinstance(value["picture"], str):
            yield value["picture"]
        else:
            for item in value.values():
                yield from pictures_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from pictures_in(item)


def _picture(folder: Path, name: str) -> bytes:
    if not _PICTURE.fullmatch(name):
        raise PromptError(f"a demo's picture is named by its SHA-256, such as 3fa2….jpg, got {name[:100]!r}")
    file = folder / PICTURES / name
    if not file.is_file():
        raise PromptError(f"the picture {PICTURES}/{name} is missing; restore the file, or remove the demo")
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != file.stem:
        raise PromptError(f"the picture {PICTURES}/{name} has other bytes than its name says; restore the file")
    return data
