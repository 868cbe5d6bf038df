"""How much processor time a trace takes on its way into a corpus, how that grows, and how much memory it takes.

    python benchmarks/corpus.py [--traces 100000] [--small 10000] [--pictures 0.02]

The example notes are really tagged; their traces are written again and again under other ids, with the notes' words in
another order, a tenth of them posted twice. Each corpus is built in a process of its own. Prints a table and, last, one
line of JSON.
"""

import argparse
import json
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from distill.runs import read_description, read_traces
from distill.runs.lines import sealed
from notes.reading import read_notes
from notes.records import Note, Trace
from notes.writing import JsonlWriter
from tagllm.cli import main as tagllm

EXAMPLES = Path(__file__).parent.parent / "examples"
TWICE = 0.1
"""Share of notes that are posted twice."""


def many(source: Path, folder: Path, count: int, pictures: float) -> Path:
    """A run of `count` traces made of those in `source`.

    Args:
        source: A run over the example notes.
        folder: Of the new one.
        count: Traces.
        pictures: Share of the notes that keep their pictures.
    """
    notes = {note.id: note for note in read_notes(EXAMPLES / "notes.jsonl") if isinstance(note, Note)}
    traces = list(read_traces(source))
    draw = random.Random(5)
    (folder / "traces").mkdir(parents=True)
    shutil.copytree(EXAMPLES / "images", folder / "images")
    writer = JsonlWriter(folder / "notes.jsonl")
    before: tuple[Note, Trace] | None = None
    with (folder / "traces" / "part-00000.jsonl").open("wb") as part:
        for number in range(count):
            trace = traces[number % len(traces)]
            note = notes[trace.note_id]
            if before is not None and draw.random() < TWICE:
                note, trace = before
            else:
                glue = "" if note.lang == "zh" else " "
                words = note.content.split() if glue else list(note.content)
                draw.shuffle(words)
                shown = note.images if draw.random() < pictures else ()
                note = note.model_copy(update={"content": glue.join(words), "images": shown, "created_at": None})
                before = note, trace
            note = note.model_copy(update={"id": f"{note.id.split('/')[0]}/{number}", "extra": {}})
            writer.write(note)
            seen = trace.pictures if note.images else ()
            new = {"note_id": note.id, "note_digest": note.digest, "pictures": seen}
            part.write(sealed(trace.model_copy(update=new)))
    writer.close()
    description = read_description(source)
    where = description.notes.model_copy(update={"path": str(folder / "notes.jsonl"), "limit": None})
    (folder / "run.json").write_text(description.model_copy(update={"notes": where}).model_dump_json(), "utf-8")
    return folder


def memory(name: str) -> float:
    """MB of this process: held now (VmRSS), or at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def build_one(run: str, out: str, formats: tuple[str, ...], answers: Any) -> None:
    """Build in this process, and say how long it took, what came out, and the most memory it held."""
    import datasketch  # noqa: F401 - loaded before the clock runs, as the others
    import imagehash  # noqa: F401

    from distill.corpus.building import build
    from distill.corpus.policy import CorpusPolicy, Selection
    from signatures.student import StudentForm

    StudentForm()
    before = memory("VmRSS")
    start, worked = time.perf_counter(), time.process_time()
    policy = CorpusPolicy.model_validate({"formats": formats, "selection": Selection(min_groundedness=1e-9)})
    summary = build([Path(run)], Path(out), policy)
    seconds, worked = time.perf_counter() - start, time.process_time() - worked
    answers.put(
        {
            "seconds": seconds,
            "worked": worked,
            "megabytes": memory("VmHWM") - before,
            "kept": summary.kept,
            "dropped": dict(summary.dropped),
            "accounted": summary.accounted,
        }
    )


def measured(run: Path, out: Path, formats: tuple[str, ...]) -> dict[str, Any]:
    """A build in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=build_one, args=(str(run), str(out), formats, answers))
    process.start()
    found = answers.get()
    process.join()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=int, default=100_000)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--pictures", type=float, default=0.02)
    parser.add_argument("--formats", default="trl,sharegpt,openai,batch")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tagllm-bench-") as name:
        folder = Path(name)
        words = ["run", EXAMPLES / "notes.jsonl", "--handbook", EXAMPLES / "handbook", "--out", folder / "real"]
        done = CliRunner().invoke(tagllm, [str(word) for word in words])
        if done.exit_code:
            sys.exit(done.output)
        rows = {}
        for count in (options.small, options.traces):
            run = many(folder / "real", folder / str(count), count, options.pictures)
            rows[count] = measured(run, folder / f"corpus-{count}", tuple(options.formats.split(",")))
            shutil.rmtree(folder / f"corpus-{count}")
            shutil.rmtree(run)
    print(f"{'traces':>8} {'kept':>8} {'seconds':>8} {'at work':>8} {'ms a trace':>11} {'MB':>7} {'accounted':>10}")
    for count, row in rows.items():
        each = 1000 * row["worked"] / count
        line = f"{count:>8,} {row['kept']:>8,} {row['seconds']:>8.1f} {row['worked']:>8.1f} {each:>11.2f}"
        line += f" {row['megabytes']:>7.0f}"
        print(f"{line} {row['accounted']!s:>10}")
    small, large = rows[options.small], rows[options.traces]
    print(
        json.dumps(
            {
                "traces": options.traces,
                "seconds": round(large["seconds"], 1),
                "megabytes": round(large["megabytes"]),
                "processor_seconds": round(large["worked"], 1),
                "growth": round((large["worked"] / options.traces) / (small["worked"] / options.small), 2),
                "memory_growth": round(large["megabytes"] / max(1.0, small["megabytes"]), 2),
                "dropped": large["dropped"],
                "accounted": small["accounted"] and large["accounted"],
            }
        )
    )


if __name__ == "__main__":
    main()
