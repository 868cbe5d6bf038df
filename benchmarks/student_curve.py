"""A text student trained on the embedded teacher's tags alone: its loss as it learns, its scores beside its teacher's.

    python benchmarks/student_curve.py [--data ../shared/data/cmkp_tweets] [--learn 500 1500] [--seen 3200]
                                       [--test 200] [--handbook 2600] [--base DIR --lora 16 --rate 5e-4] [--keep DIR]

Without `--base` the base is a small language model with random weights, built on the spot, for none can be downloaded
everywhere: what is shown is the way, not what a pretrained student reaches. Its tokens are made for copying, and what
stands in every question is one token a piece. From each number of notes of the split `train` a student learns, all of
them by the same number of examples; notes of `test` are asked about. With `--handbook N` the teacher has a handbook of
the last N notes of `train`, of which it tags none: no student sees an author's hashtag. Lines say what is being done
and what it took in processor time; with `--keep` the same command goes on where it was stopped. The last line is JSON,
with the curves.
"""

import argparse
import asyncio
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing, nullcontext
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from distill.corpus import CorpusPolicy, Splitting
from distill.corpus.building import build
from distill.runs import run
from distill.student import TrainingConfig, read_curve, train
from notes import Note
from notes.reading import read_notes
from notes.writing import JsonlWriter
from signatures.student import StudentForm
from tagllm.handbooks import build as build_handbook
from tagllm.setup import tagging_setup
from tagllm.student_evaluating import Notes, run_student_eval
from tagllm.student_showing import rendered
from tagllm.teaching import TeacherChoice
from teachers.precision import has_fast_bf16
from teachers.vllm import ManagedServer
from tests.distill.student import made, tiny_text

DATA = Path(__file__).parent.parent.parent / "shared/data/cmkp_tweets"
METRICS = ("F1@1", "F1@3", "F1@5", "groundedness", "redundancy", "tags_per_note")


def say(text: str) -> None:
    """A line of progress, with the processor time of this process until now."""
    print(f"{time.process_time():7.1f} s of processor time: {text}", flush=True)


def written(notes: Iterable[Note], folder: Path) -> Path:
    """Notes as text alone, in a file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "notes.jsonl"
    if not file.is_file():
        writer = JsonlWriter(file)
        for note in notes:
            writer.write(note.model_copy(update={"images": (), "extra": {}}))
        writer.close()
    return file


def taught(notes: Iterable[Note], folder: Path, handbook: Path | None) -> Path:
    """A run of the embedded teacher over notes as text alone."""
    say(f"the teacher tags {folder.name}")
    file = written(notes, folder)
    with closing(tagging_setup(folder, handbook=handbook)) as setup:

        async def go() -> None:
            async for _ in run(file, setup.context, out=folder / "run"):
                pass

        asyncio.run(go())
    return folder / "run"


def base(folder: Path, notes: Iterable[Note], words: str, hidden: int, layers: int) -> Path:
    """A small language model whose tokens are made of the notes it will read."""
    form = StudentForm(words)
    probe = Note(id="1", content="CONTENT", ocr="OCR", image_attributes=("ATTRIBUTES",), lang="en")
    asked, question = (message["content"] for message in form.messages("tags", form.inputs(probe, [])))
    fixed = [asked, *re.split("CONTENT|OCR|ATTRIBUTES", question), '{"tags":["', '","', '"]}']
    sentences = [" ".join((note.content, note.ocr, *note.image_attributes)) for note in notes]
    return tiny_text.build(
        folder, sentences=sentences, hidden=hidden, layers=layers, vocabulary=2000, positions=1024, fixed=fixed
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--keep", type=Path)
    parser.add_argument(
        "--base", type=Path, help="folder of a causal language model; its weights are read, not changed"
    )
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--schedule", choices=["cosine", "linear", "constant"], default="cosine")
    parser.add_argument("--learn", type=int, nargs="+", default=[500, 1500])
    for name, default in (
        ("seen", 3_200),
        ("test", 200),
        ("hidden", 128),
        ("layers", 3),
        ("batch", 16),
        ("threads", 1),
        ("handbook", 0),
        ("lora", 0),
        ("looks", 8),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    wanted = parser.parse_args()
    if wanted.hidden % 128:
        parser.error(f"--hidden must be a multiple of 128, got {wanted.hidden}")
    if not (wanted.data / "notes.jsonl").is_file():
        print(json.dumps({"skipped": f"no notes in {wanted.data}"}))
        return
    torch.set_num_threads(wanted.threads)
    kept = tempfile.TemporaryDirectory(prefix="tagllm-curve-") if wanted.keep is None else nullcontext(wanted.keep)
    with kept as name:
        print(json.dumps(measured(Path(name), wanted)))


def measured(folder: Path, wanted: Any) -> list[dict[str, Any]]:
    """Teach, train students of more and more notes, ask them; what came of it."""
    folder = folder / f"handbook-{wanted.handbook}"  # another teacher, other traces
    learn, test = (
        [row for row in read_notes(wanted.data / "notes.jsonl", split=split) if isinstance(row, Note)]
        for split in ("train", "test")
    )
    book = folder / "handbook" if wanted.handbook else None
    if wanted.handbook >= len(learn):
        raise SystemExit(f"--handbook {wanted.handbook} of {len(learn):,} notes of train leaves none to learn from")
    if book is not None and not (book / "index").is_dir():
        say(f"the teacher's handbook is learned from {wanted.handbook:,} notes")
        shutil.rmtree(book, ignore_errors=True)  # cut off before its index was there
        build_handbook(written(learn[-wanted.handbook :], folder / "behaviour"), book, quiet=True)
    learn = learn[: len(learn) - wanted.handbook]
    teacher_test = taught(islice(test, wanted.test), folder / f"test-{wanted.test}", book)
    sizes = sorted({min(size, len(learn)) for size in wanted.learn})
    runs = [taught(learn[first:last], folder / f"learn-{first}-{last}", book) for first, last in pairwise([0, *sizes])]
    words = str(folder / "words/student/v1")
    if not Path(words).is_dir():
        words = made.words(folder)
    if wanted.base is None and not (folder / "base/tokenizer.json").is_file():
        base(folder / "base", learn[: sizes[-1]], words, wanted.hidden, wanted.layers)
    return [
        one_size(folder, size, runs[:number], teacher_test, words, wanted) for number, size in enumerate(sizes, start=1)
    ]


def one_size(folder: Path, size: int, runs: list[Path], teacher_test: Path, words: str, wanted: Any) -> dict[str, Any]:
    """A student of so many notes."""
    corpus, out = folder / f"corpus-{size}", folder / f"student-{size}"
    splitting = Splitting(validation=0.1, test=0)
    policy = CorpusPolicy(views=("tags",), formats=("trl",), words=words, with_pictures=False, splitting=splitting)
    if not (corpus / "corpus.json").is_file():
        build(runs, corpus, policy)
    steps = wanted.seen // wanted.batch
    every = max(1, steps // wanted.looks)
    config = TrainingConfig(
        max_steps=steps,
        batch=wanted.batch,
        learning_rate=wanted.rate,
        schedule=wanted.schedule,
        lora=wanted.lora,
        warmup=0.05,
        precision="bf16" if has_fast_bf16() else "fp32",
        by_length=True,
        eval_every=every,
        save_every=every,
    )
    say(f"{size:,} notes: {steps:,} steps of {wanted.batch}")
    began = time.process_time()

    def told(what: str, done: int, of: int) -> None:
        if what == "training" and done % every == 0:
            say(f"step {done:,} of {of:,}")

    student = train(corpus, str(wanted.base or folder / "base"), out, config, told=told)
    took = time.process_time() - began
    say(f"{size:,} notes: loss {student.loss}, held-out loss {student.held_out_loss}; vLLM serves it")
    small = {"VLLM_CPU_KVCACHE_SPACE": "1"}
    with ManagedServer(str(out), log=folder / f"log-{size}", env=small) as server:
        choice = TeacherChoice(
            name="vllm", model=str(out), base_urls=(server.base_url,), student=True, cached=False, max_tokens=200
        )
        notes = Notes(path=folder / f"test-{wanted.test}/notes.jsonl")
        found = run_student_eval(out, notes, against=teacher_test, teacher=choice)
    Console().print(f"{size:,} notes")
    Console().print(rendered(found))
    numbers = found.as_json()
    points = list(read_curve(out))
    return {
        "learned_from": student.examples["train"],
        "epochs": round(points[-1].epoch, 2),
        "weights": student.weights,
        "seconds": student.seconds,
        "processor_seconds": round(took, 1),
        "held_out_loss": {p.step: round(p.held_out_loss, 3) for p in points if p.held_out_loss is not None},
        "loss": student.loss,
        "student": {name: numbers["student"][name]["value"] for name in METRICS},
        "teacher": {name: numbers["teacher"][name]["value"] for name in METRICS},
        "like_the_teacher": {name: one["value"] for name, one in numbers["likeness"].items()},
        "failed": numbers["student_costs"]["failed"],
        "valid": numbers["student_costs"]["valid"],
        "notes": numbers["notes"],
    }


if __name__ == "__main__":
    main()
