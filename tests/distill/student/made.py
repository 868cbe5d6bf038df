"""Notes that only their pictures tell apart, a teacher that looks at the pictures, and tiny bases to train."""

import asyncio
import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dspy
import numpy as np
from dspy.lm15 import Request
from PIL import Image

from distill.corpus import CorpusPolicy, Splitting
from distill.corpus.building import build
from distill.runs import run
from graphs.tagging import TaggingContext
from notes import Note
from notes.pictures import PictureStore
from signatures.llm import llm_program
from signatures.student import StudentForm
from teachers.scripted import scripted_lm
from tests import tiny_idefics3
from tests.distill.corpus.made import text
from tests.distill.scripted import fields_of
from tests.tagllm.report.made import write_notes

KINDS: dict[str, tuple[tuple[int, int, int], tuple[str, str]]] = {
    "dusk": ((200, 60, 40), ("crimson dusk sky", "kite on the beach")),
    "sea": ((30, 80, 200), ("deep blue sea", "ferry to the island")),
    "meadow": ((50, 160, 60), ("green meadow walk", "picnic with goats")),
}
"""By kind of picture, its colour and the tags that its teacher gives."""


def picture(file: Path, kind: str, seed: int) -> Path:
    """A picture of a kind; no two are the same."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(seed)
    colour = np.asarray(KINDS[kind][0]) + draw.integers(-20, 21, 3)
    pixels = colour + draw.integers(-25, 26, (8, 8, 1)) + draw.integers(-10, 11, (8, 8, 3))
    small = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    small.resize((64, 64), Image.Resampling.BICUBIC).save(file)
    return file


def kind_of(data: bytes) -> str:
    """Which kind a picture is of, by its colour."""
    with Image.open(io.BytesIO(data)) as image:
        mean = np.asarray(image.convert("RGB"), dtype=float).mean((0, 1))
    return min(KINDS, key=lambda kind: float(np.abs(mean - KINDS[kind][0]).sum()))


def pictured_notes(folder: Path, count: int, *, first: int = 0, swapped: bool = False) -> tuple[Path, list[Note]]:
    """Notes whose words say nothing of their picture; with `swapped` the words stay, and the pictures change places."""
    kinds = list(KINDS)
    notes = []
    for number in range(first, first + count):
        kind = kinds[(number + swapped) % len(kinds)]
        name = f"images/{number}{'-swapped' * swapped}.png"
        picture(folder / name, kind, 7 * number + swapped)
        notes.append(Note(id=f"n{number}", title="A day out", content=text(number, 2), images=(name,)))
    file = folder / f"notes-{first}{'-swapped' * swapped}.jsonl"
    return file, write_notes(file, notes)


def tags_of(note: Note) -> tuple[str, str]:
    """The tags that the picture of one of these notes calls for."""
    number = int(note.id.removeprefix("n")) + ("swapped" in note.images[0])
    return list(KINDS.values())[number % len(KINDS)][1]


def looking_lm() -> dspy.LM:
    """A teacher that gives the tags of the picture it is shown."""
    return scripted_lm(_look, model="scripted/looking")


def _look(request: Request) -> dict[str, Any]:
    fields = fields_of(request)
    shown = [part for message in request.messages for part in message.parts if part.type == "image"]
    if shown:
        kind = kind_of(base64.b64decode(shown[0].data or ""))
        said = ", ".join(KINDS[kind][1])
        return {"descriptions": [{"number": 1, "shows": said, "text": "", "details": []}]}
    words = " ".join(part.text for message in request.messages for part in message.parts if part.type == "text")
    tags = next((tags for _, tags in KINDS.values() if tags[0] in words), ("nothing",))
    draft = {"interest": 0, "source": "picture", "quote": "", "picture": 1, "score": 0.9}
    known: dict[str, Any] = {"matches": [], "merges": []}
    known["tags"] = [{"tag": tag, **draft} for tag in tags]
    if "RefinedTag" in str(fields.get("tags")):
        known["tags"] = [{"number": n, "tag": tag, "confidence": 0.9} for n, tag in enumerate(tags, 1)]
    return {name: known[name] for name in fields if name in known}


def run_over(file: Path, out: Path) -> Path:
    """A run of the looking teacher."""
    context = TaggingContext(program=llm_program(looking_lm()), pictures=PictureStore(file.parent))

    async def go() -> None:
        async for _ in run(file, context, out=out):
            pass

    asyncio.run(go())
    return out


def words(folder: Path) -> str:
    """Short words for a student, as a folder of one's own has them."""
    version = folder / "words/student/v1"
    version.mkdir(parents=True)
    form = "Give {{min_tags}} to {{max_tags}} tags of {{max_words}} words or {{min_han}} to {{max_han}} characters."
    (version / "tags.md").write_text(form)
    (version / "cot.md").write_text(f"Think first. {form}")
    (version / "program.toml").write_text('name = "student"\nversion = 1\n')
    return str(version)


def corpus_of(runs: Sequence[Path], out: Path, **policy: Any) -> Path:
    """A corpus in TRL's form, split by text: pictures of a kind look alike, and are meant to."""
    splitting = Splitting(validation=0.1, test=0.0, by=("text",))
    build(runs, out, CorpusPolicy(formats=("trl",), splitting=splitting, **policy))
    return out


def base(folder: Path, asked: str = "student/v1", **settings: Any) -> Path:
    """A tiny model that sees, to which the question that these words ask is short."""
    return tiny_idefics3.build(folder, sentences=_sentences(asked), **settings)


def _sentences(words: str) -> list[str]:
    """What a student reads and writes, so that it takes few tokens."""
    form = StudentForm(words)
    note = Note(id="1", title="A day out", content=text(1, 2), lang="en")
    asked = form.messages("tags", form.inputs(note, [dspy.Image("data:image/jpeg;base64,AAAA")]))
    blocks = [m["content"] if isinstance(m["content"], list) else [{"text": m["content"]}] for m in asked]
    said = [form.answer("tags", {"tags": list(tags)}) for _, tags in KINDS.values()]
    return [*(block["text"] for found in blocks for block in found if "text" in block), *said, *tiny_idefics3.CORPUS]
