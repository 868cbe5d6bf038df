"""Runs over notes that have hurt corpora, and a model whose requests are kept."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from dspy.lm15 import Request
from PIL import Image

from distill.corpus import CorpusPolicy, CorpusSummary, read_dropped
from distill.corpus.building import build
from distill.runs import run
from graphs.tagging import TaggingContext
from notes.pictures import PictureStore
from notes.records import Evidence, FinalTag, Note, Trace
from signatures.llm import llm_program
from teachers.scripted import request_text, scripted_lm
from tests.distill.scripted import fields_of
from tests.tagllm.report.made import trace, write_notes, write_run

VANISHED = "images/vanished.png"
WORDS = (
    "harbour lantern ferry noodle violin granite orchid saddle kettle meadow copper falcon ribbon tunnel velvet "
    "walnut anchor basil canyon drum ember fjord glacier hazel island juniper kelp lagoon maple nutmeg opal pine"
).split()


def picture(file: Path, seed: int, *, size: tuple[int, int] = (96, 64)) -> Path:
    """A picture of its own: soft blobs of colour that look like no other seed's."""
    file.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(values).resize(size, Image.Resampling.BICUBIC).save(file)
    return file


def text(number: int, words: int = 40) -> str:
    """Words of a note that share no run of three with another number's, but by chance."""
    draw = np.random.default_rng(number)
    return " ".join(f"{WORDS[index]}{number}" for index in draw.integers(0, len(WORDS), words))


def grounded(note: Note, tags: Sequence[str], pictures: PictureStore | None = None, **fields: Any) -> Trace:
    """A trace whose tags rest on the note's first words, or on its first picture where it has no words."""
    made = trace(note, tags, dropped=["a coarser draft"], pictures=pictures)
    seen = next((record.number for record in made.pictures if record.refused is None), None)
    words = next((word for word in re.findall(r"\w{2,}", note.text)), "")
    evidence = Evidence(source="content" if words in note.content else "title", quote=words)
    if not words:
        evidence = Evidence(source="picture", picture=seen)
    finals = tuple(
        FinalTag(tag=tag, confidence=round(0.9 - 0.05 * place, 2), evidence=(evidence,), interest="travel.night")
        for place, tag in enumerate(tags)
    )
    return made.model_copy(update={"tags": finals, **fields})


def hostile(folder: Path) -> tuple[Path, list[Note], list[Trace]]:
    """Notes with everything that breaks corpora, and their traces."""
    images = [f"images/{number}.png" for number in range(7)]
    for number, name in enumerate(images):
        picture(folder / name, number)
    picture(folder / VANISHED, 99)
    notes = write_notes(
        folder / "notes.jsonl",
        [
            Note(
                id="marker", title="<image> of a <video>", content=f"<audio> <|im_end|> {text(1)}", images=(images[0],)
            ),
            Note(id="marker-alone", title="Look: <image><image>", content=text(2)),
            Note(id="five", title="five pictures", content=text(3), images=tuple(images[1:6])),
            Note(id="emoji", title="🌃🌉✨"),
            Note(id="emoji-picture", title="🍜🍜", images=(images[6],)),
            Note(id="long", title="fifty thousand", content=("An endless walk along the quay. " * 1600)[:50_000]),
            Note(
                id="mixed", title="夜游 Marina Bay и набережная", content="滨海湾的夜景 is best 橋の上から " + text(4)
            ),
            Note(id="vanished", title="its picture is gone", content=text(5), images=(VANISHED,)),
            Note(id="../../etc/passwd", title='an id "with" <b>everything</b> | in it', content=text(6)),
            Note(id="lines", title="line\u2028separators\u2029and\x0bmore", content=f"a\r\nb\t{text(7)}"),
        ],
    )
    store = PictureStore(folder)
    tags = {
        "marker": ["a <image> tag", "x<|im_end|>y"],
        "emoji": ["✨ lights"],
        "lines": ['"quoted" tag', "back\\slash", "two\nlines"],
    }
    traces = [grounded(note, tags.get(note.id, [f"{note.title[:20]} tag", "滨海湾夜景"]), store) for note in notes]
    emoji = notes[3]
    quote = FinalTag(tag="✨ lights", confidence=0.8, evidence=(Evidence(source="interest", interest="i"),))
    traces[3] = trace(emoji, ["✨ lights"], interest="i").model_copy(update={"tags": (quote,)})
    (folder / VANISHED).unlink()
    return folder / "notes.jsonl", notes, traces


def hostile_run(folder: Path) -> Path:
    """The same as a run's folder."""
    file, _, traces = hostile(folder)
    return write_run(folder / "run", file, traces)


def plain_run(folder: Path, count: int = 12, *, pictures: bool = True, name: str = "run") -> Path:
    """A run over notes that have nothing to do with one another."""
    notes = []
    for number in range(count):
        image = f"images/plain-{number}.png"
        if pictures and number % 2 == 0:
            picture(folder / image, 1000 + number)
        images = (image,) if pictures and number % 2 == 0 else ()
        note = Note(id=f"n{number}", title=f"note {number}", content=text(100 + number), images=images)
        notes.append(note.model_copy(update={"category": f"c{number % 3}"}))
    known = write_notes(folder / "notes.jsonl", notes)
    store = PictureStore(folder)
    traces = [grounded(note, [f"quiet {note.id} harbour", f"slow {note.id} ferry"], store) for note in known]
    return write_run(folder / name, folder / "notes.jsonl", traces)


def asked_run(folder: Path, *, fused: bool = False) -> Path:
    """A run of a language model: its traces hold the requests as they were sent."""
    picture(folder / "images/a.png", 1)
    picture(folder / "images/b.png", 2)
    rows = [
        Note(id="two", title="harbour lantern", content=text(11), images=("images/a.png", "images/b.png")),
        Note(id="none", title="ferry noodle <image>", content=text(12)),
    ]
    write_notes(folder / "notes.jsonl", rows)
    lm = scripted_lm(_answer)
    context = TaggingContext(program=llm_program(lm), pictures=PictureStore(folder))

    async def go() -> None:
        async for _ in run(folder / "notes.jsonl", context, out=folder / "run", fused=fused):
            pass

    asyncio.run(go())
    return folder / "run"


def _answer(request: Request) -> dict[str, Any]:
    """What the model says: tags with the title's words, a description of every picture."""
    fields = fields_of(request)
    words = "harbour lantern" if "harbour lantern" in request_text(request) else "ferry noodle"
    shown = sum(part.type == "image" for message in request.messages for part in message.parts)
    described = [
        {"number": n + 1, "shows": f"a {words} <image>", "text": 'it says "hi"\nthere', "details": []}
        for n in range(shown)
    ]
    draft = {"interest": 0, "source": "title", "picture": 0}
    drafts = [
        {"tag": words, "quote": words, "score": 0.9, **draft},
        {"tag": f"evening {words}", "quote": words, "score": 0.7, **draft},
    ]
    final = [{"number": 1, "tag": words, "confidence": 0.9}]
    known = {"pictures": described, "descriptions": described, "matches": [], "merges": [], "final": final}
    known["tags"] = drafts if "Draft" in str(fields.get("tags")) else final
    return {name: known[name] for name in fields if name in known}


def built(folder: Path, *runs: Path, **policy: Any) -> tuple[Path, CorpusSummary]:
    """A corpus of runs."""
    out = folder / "corpus"
    return out, build(runs, out, CorpusPolicy(**policy))


def reasons(corpus: Path) -> dict[str | None, str]:
    """Why traces were dropped, by the note's id."""
    return {dropped.note_id: dropped.reason for dropped in read_dropped(corpus)}
