"""A student against its teacher on one server: the same model asked step by step, and in one answer.

    python benchmarks/student.py [--notes 64] [--asked 96] [--steps 80] [--rounds 5]

A tiny vision-language model, built on the spot, learns both from the traces of a scripted teacher that looks at the
pictures: the teacher's steps, each as its own task, and the student's one answer. So both ask the same weights on the
same vLLM server, and both get answers as long as they are in earnest. They take turns; the ratio is the median over
the turns. The last line is JSON.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from rich.console import Console
from rich.table import Table

import handbook
from distill.corpus import CorpusPolicy, Splitting
from distill.corpus.building import build
from distill.corpus.folder import read_summary
from distill.runs import read_traces, run
from distill.student import TrainingConfig, train
from distill.student.comparing import costs_of
from graphs.tagging import TaggingContext, build_tagging, tag_notes
from handbook import HandbookIndex
from notes import Failure, Note, Trace
from notes.pictures import PictureStore
from signatures.llm import llm_program
from signatures.questions import Program
from signatures.student_program import student_program
from teachers.embedded import Encoder
from teachers.vllm import ManagedServer
from teachers.vllm.endpoint import Endpoint
from teachers.vllm.engine import VllmEngine, vllm_lm
from teachers.vllm.load import Load
from teachers.vllm.servers import Servers
from tests import tiny_idefics3
from tests.distill.student import made

ROOT = Path(__file__).parent.parent
HANDBOOK_TOKENS = 150
AT_A_TIME = 16


def teach(folder: Path, file: Path, index: HandbookIndex) -> Path:
    """A run of the scripted teacher, with the handbook, so that every step is asked."""
    program = llm_program(made.looking_lm(), handbook_tokens=HANDBOOK_TOKENS)
    context = TaggingContext(program=program, pictures=PictureStore(file.parent), handbook=index)

    async def go() -> None:
        async for _ in run(file, context, out=folder / "run"):
            pass

    asyncio.run(go())
    return folder / "run"


def corpus_of_both(run_folder: Path, out: Path) -> Path:
    """A corpus whose view `steps` holds the student's own examples as well."""
    policy = CorpusPolicy(views=("tags", "steps"), formats=("trl",), splitting=Splitting(validation=0, test=0, by=()))
    build([run_folder], out, policy)
    files = [out / "trl" / view / "train-00000.parquet" for view in ("steps", "tags")]
    both = pa.concat_tables([pq.read_table(file) for file in files])
    pq.write_table(both, files[0])
    summary = read_summary(out)
    summary.rows["steps"]["train"] = both.num_rows
    (out / "corpus.json").write_text(summary.model_dump_json())
    return out


def texts_of(run_folder: Path, corpus: Path) -> list[str]:
    """What the model reads and writes, for its tokenizer."""
    found = []
    for number, trace in enumerate(read_traces(run_folder)):
        for step in trace.steps if number < 8 else ():
            found += [json.dumps(step.answer, separators=(",", ":"))]
            request: Any = step.request or {}
            found += [_text(message) for message in request.get("messages", ())]
    rows = pq.read_table(corpus / "trl/tags/train-00000.parquet").slice(0, 4).to_pylist()
    return found + [_text(message) for row in rows for message in (*row["prompt"], *row["completion"])]


def _text(message: Any) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "\n".join(part.get("text") or "" for part in content)


async def ask(context: TaggingContext, notes: list[Note]) -> tuple[float, list[Trace | Failure]]:
    """Seconds, and what became of the notes."""
    started = time.perf_counter()
    found = [
        outcome
        async for outcome in tag_notes(build_tagging(), notes, context, concurrency=AT_A_TIME)
        if isinstance(outcome, Trace | Failure)
    ]
    return time.perf_counter() - started, found


def measure(server: ManagedServer, folder: Path, notes: list[Note], index: HandbookIndex, rounds: int) -> Any:
    """Both in turns; notes a second, and the outcomes of the last round."""
    rates: dict[str, list[float]] = {"teacher": [], "student": []}
    last: dict[str, list[Trace | Failure]] = {}

    async def go() -> None:
        engine = VllmEngine(Servers([Endpoint(server.base_url, managed=server)]), server.model, load=Load(AT_A_TIME))
        lm = vllm_lm(engine, max_tokens=1000)
        programs: dict[str, Program] = {
            "teacher": llm_program(lm, handbook_tokens=HANDBOOK_TOKENS),
            "student": student_program(lm),
        }
        for number in range(rounds + 1):
            for name, program in programs.items():
                context = TaggingContext(
                    program=program,
                    pictures=PictureStore(folder),
                    handbook=index if name == "teacher" else None,
                )
                seconds, last[name] = await ask(context, notes)
                if number:  # the first round warms the server's caches for both
                    rates[name].append(len(notes) / seconds)
        await engine.aclose()

    asyncio.run(go())
    return rates, last


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("notes", 64), ("asked", 96), ("steps", 80), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    wanted = parser.parse_args()
    torch.set_num_threads(1)  # matrices so small are not worth a second thread
    index = HandbookIndex(handbook.load(ROOT / "examples/handbook"), Encoder())
    with tempfile.TemporaryDirectory(prefix="tagllm-student-") as name:
        folder = Path(name)
        file, _ = made.pictured_notes(folder / "notes", wanted.notes)
        _, notes = made.pictured_notes(folder / "notes", wanted.asked, first=1000)
        taught = teach(folder, file, index)
        corpus = corpus_of_both(taught, folder / "corpus")
        base = tiny_idefics3.build(folder / "base", sentences=texts_of(taught, corpus) + tiny_idefics3.CORPUS)
        config = TrainingConfig(view="steps", max_steps=wanted.steps, batch=8, learning_rate=3e-3, save_every=10_000)
        learned = train(corpus, str(base), folder / "model", config)
        options = ("--max-model-len", "8192", "--max-num-seqs", str(AT_A_TIME))
        small = {"VLLM_CPU_KVCACHE_SPACE": "1"}
        with ManagedServer(str(folder / "model"), engine_options=options, log=folder / "log", env=small) as server:
            rates, last = measure(server, folder / "notes", notes, index, wanted.rounds)
    costs = {side: costs_of(outcomes) for side, outcomes in last.items()}
    found = {side: median(values) for side, values in rates.items()}
    right = {
        side: sum(
            isinstance(o, Trace) and {t.tag for t in o.tags} == set(made.tags_of(n))
            for n, o in zip(notes, outcomes, strict=True)
        )
        for side, outcomes in last.items()
    }
    table = Table("", "teacher, in steps", "student, at once")
    for label, values in {
        "notes a second": [f"{found[side]:.2f}" for side in found],
        "requests a note": [f"{costs[side].requests / len(notes):.2f}" for side in found],
        "tokens read a note": [f"{costs[side].prompt_tokens / len(notes):,.0f}" for side in found],
        "tokens written a note": [f"{costs[side].completion_tokens / len(notes):,.0f}" for side in found],
        "answers valid at once, %": [f"{costs[side].valid}" for side in found],
        "notes failed": [f"{costs[side].failed}" for side in found],
        "notes with exactly their picture's tags": [f"{right[side]} of {len(notes)}" for side in found],
    }.items():
        table.add_row(label, *values)
    Console().print(table)
    result = {
        "ratio": round(median(s / t for s, t in zip(rates["student"], rates["teacher"], strict=True)), 2),
        "notes_per_second": {side: round(rate, 2) for side, rate in found.items()},
        "rounds": {side: [round(rate, 2) for rate in values] for side, values in rates.items()},
        "requests_a_note": {side: round(costs[side].requests / len(notes), 2) for side in found},
        "tokens_a_note": {
            side: round((costs[side].prompt_tokens + costs[side].completion_tokens) / len(notes)) for side in found
        },
        "right": right,
        "notes": len(notes),
        "loss": learned.loss,
        "trained_seconds": learned.seconds,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
