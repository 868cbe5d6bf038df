"""A text student trained on the embedded teacher's tags alone: its loss as it learns, its scores beside its teacher's.

    python benchmarks/student_curve.py [--data ../shared/data/cmkp_tweets] [--learn 2000] [--test 200] [--epochs 8]

The base is a small language model with random weights, built on the spot, for none can be downloaded everywhere: what
is shown is the way, not what a pretrained student reaches. Notes of the split `train` are learned from, of `test`
asked about. The last line is JSON, with the curve.
"""

import argparse
import asyncio
import json
import tempfile
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from distill.corpus import CorpusPolicy, Splitting
from distill.corpus.building import build
from distill.runs import read_traces, run
from distill.student import TrainingConfig, read_curve, train
from notes import Note
from notes.reading import read_notes
from notes.writing import JsonlWriter
from signatures.student import StudentForm
from tagllm.setup import tagging_setup
from tagllm.student_evaluating import Notes, run_student_eval
from tagllm.student_showing import rendered
from tagllm.teaching import TeacherChoice
from teachers.vllm import ManagedServer
from tests.distill.student import made, tiny_text

DATA = Path(__file__).parent.parent.parent / "shared/data/cmkp_tweets"


def chosen(data: Path, split: str, count: int, file: Path) -> Path:
    """The first notes of a split, as text alone."""
    writer = JsonlWriter(file)
    rows = (row for row in read_notes(data / "notes.jsonl", split=split) if isinstance(row, Note))
    for note in islice(rows, count):
        writer.write(note.model_copy(update={"images": (), "extra": {}}))
    writer.close()
    return file


def taught(file: Path, out: Path) -> Path:
    """A run of the embedded teacher."""
    with closing(tagging_setup(file.parent)) as setup:

        async def go() -> None:
            async for _ in run(file, setup.context, out=out):
                pass

        asyncio.run(go())
    return out


def base(folder: Path, file: Path, teacher: Path, words: str, hidden: int) -> Path:
    """A small language model whose tokens are made of what it will read and write."""
    form = StudentForm(words)
    found = []
    for note in read_notes(file):
        assert isinstance(note, Note)
        found += [message["content"] for message in form.messages("tags", form.inputs(note, []))]
    for trace in read_traces(teacher):
        found.append(form.answer("tags", {"tags": [tag.tag for tag in trace.tags][:12]}))
    return tiny_text.build(
        folder, sentences=found, hidden=hidden, layers=4, vocabulary=6000, positions=2048, phrases=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    for name, default in (
        ("learn", 2000),
        ("test", 200),
        ("epochs", 8),
        ("hidden", 128),
        ("batch", 16),
        ("threads", 2),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    wanted = parser.parse_args()
    if wanted.hidden % 128:
        parser.error(f"--hidden must be a multiple of 128, got {wanted.hidden}")
    if not (wanted.data / "notes.jsonl").is_file():
        print(json.dumps({"skipped": f"no notes in {wanted.data}"}))
        return
    torch.set_num_threads(wanted.threads)
    with tempfile.TemporaryDirectory(prefix="tagllm-curve-") as name:
        print(json.dumps(measured(Path(name), wanted)))


def measured(folder: Path, wanted: Any) -> dict[str, Any]:
    """Teach, train, ask; what came of it."""
    learn = chosen(wanted.data, "train", wanted.learn, folder / "learn.jsonl")
    test = chosen(wanted.data, "test", wanted.test, folder / "test.jsonl")
    teacher, teacher_test = (taught(file, folder / f"run-{file.stem}") for file in (learn, test))
    words = made.words(folder)
    policy = CorpusPolicy(
        views=("tags",), formats=("trl",), words=words, with_pictures=False, splitting=Splitting(validation=0.1, test=0)
    )
    summary = build([teacher], folder / "corpus", policy)
    start = base(folder / "base", learn, teacher, words, wanted.hidden)
    config = TrainingConfig(epochs=wanted.epochs, batch=wanted.batch, learning_rate=2e-3, warmup=0.05)
    student = train(folder / "corpus", str(start), folder / "student", config)
    curve = [
        {"epoch": p.epoch, "held_out_loss": round(p.held_out_loss, 4)}
        for p in read_curve(folder / "student")
        if p.held_out_loss is not None
    ]
    losses = [p for p in read_curve(folder / "student") if p.loss is not None]
    last = {p.epoch: p.loss for p in losses}
    for point in curve:
        near = min(last, key=lambda epoch: abs(epoch - point["epoch"]))
        point["loss"] = round(last[near] or 0, 4)
    small = {"VLLM_CPU_KVCACHE_SPACE": "1"}
    with ManagedServer(str(folder / "student"), log=folder / "log", env=small) as server:
        choice = TeacherChoice(
            name="vllm",
            model=str(folder / "student"),
            base_urls=(server.base_url,),
            student=True,
            cached=False,
            max_tokens=400,
        )
        found = run_student_eval(folder / "student", Notes(path=test), against=teacher_test, teacher=choice)
    Console().print(rendered(found))
    numbers = found.as_json()
    metrics = ("F1@1", "F1@3", "F1@5", "groundedness", "redundancy", "tags_per_note")
    return {
        "learned_from": student.examples["train"],
        "kept_of_traces": [summary.kept, summary.traces],
        "weights": student.weights,
        "seconds": student.seconds,
        "curve": curve,
        "student": {name: numbers["student"][name]["value"] for name in metrics},
        "teacher": {name: numbers["teacher"][name]["value"] for name in metrics},
        "like_the_teacher": {name: one["value"] for name, one in numbers["likeness"].items()},
        "failed": numbers["student_costs"]["failed"],
        "valid": numbers["student_costs"]["valid"],
        "notes": numbers["notes"],
    }


if __name__ == "__main__":
    main()
