"""How soon the page of a large run is ready beside that of a small one, how large it is, what writing it costs a trace.

    python benchmarks/report.py [--traces 20000] [--small 200] [--rounds 3]

The example notes are really tagged; their traces are then written again and again under other ids, with other scores,
until there are enough. Both pages are opened in turns in headless Chromium. Ready: every listed note is there, can be
searched, and the first one is shown. Prints a table and, last, one line of JSON.
"""

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from distill.runs import read_description, read_summary, read_traces
from distill.runs.lines import sealed
from notes.reading import read_notes
from notes.records import Note
from notes.writing import JsonlWriter
from tagllm.cli import main as tagllm
from tagllm.report.reporting import Reported, make_report

EXAMPLES = Path(__file__).parent.parent / "examples"


def many(source: Path, folder: Path, count: int) -> Path:
    """A run of `count` traces made of those in `source`."""
    notes = {note.id: note for note in read_notes(EXAMPLES / "notes.jsonl") if isinstance(note, Note)}
    traces = list(read_traces(source))
    draw = random.Random(5)
    (folder / "traces").mkdir(parents=True)
    writer = JsonlWriter(folder / "notes.jsonl")
    with (folder / "traces" / "part-00000.jsonl").open("wb") as part:
        for number in range(count):
            trace = traces[number % len(traces)]
            words = notes[trace.note_id].content.split()
            draw.shuffle(words)
            update = {"id": f"{trace.note_id}-{number}", "content": " ".join(words), "images": (), "created_at": None}
            note = notes[trace.note_id].model_copy(update=update | {"extra": {}})
            writer.write(note)
            drafts = tuple(draft.model_copy(update={"score": round(draw.random(), 4)}) for draft in trace.drafts)
            new = {"note_id": note.id, "note_digest": note.digest, "drafts": drafts}
            part.write(sealed(trace.model_copy(update=new)))
    writer.close()
    description, summary = read_description(source), read_summary(source)
    assert summary is not None
    where = description.notes.model_copy(update={"path": str(folder / "notes.jsonl")})
    (folder / "run.json").write_text(description.model_copy(update={"notes": where}).model_dump_json(), "utf-8")
    said = summary.model_copy(update={"read": count, "tagged": count})
    (folder / "summary.json").write_text(said.model_dump_json(), "utf-8")
    return folder


def browser(profile: Path) -> Any:
    """Headless Chromium."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = shutil.which("chromium") or ""
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    for flag in (*flags, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_script_timeout(120)
    return driver


def ready(driver: Any, page: Path) -> float:
    """Seconds from opening a page until it is ready."""
    driver.get("about:blank")
    start = time.perf_counter()
    driver.get(page.as_uri())
    driver.execute_async_script(
        "const done = arguments[0];"
        "const look = () => 'ready' in document.documentElement.dataset && document.querySelector('#detail h2')"
        " ? done() : setTimeout(look, 5); look();"
    )
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=int, default=20_000)
    parser.add_argument("--small", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        print(json.dumps({"skipped": "no chromium and chromedriver; apt-get install chromium chromium-driver"}))
        return
    with tempfile.TemporaryDirectory(prefix="tagllm-bench-") as name:
        folder = Path(name)
        words = ["run", EXAMPLES / "notes.jsonl", "--handbook", EXAMPLES / "handbook", "--out", folder / "real"]
        done = CliRunner().invoke(tagllm, [str(word) for word in words])
        if done.exit_code:
            sys.exit(done.output)
        pages: dict[int, tuple[Reported, float]] = {}
        for count in (options.small, options.traces):
            run = many(folder / "real", folder / str(count), count)
            start = time.perf_counter()
            pages[count] = (make_report([run], folder / f"{count}.html"), time.perf_counter() - start)
        driver = browser(folder / "profile")
        try:
            times: dict[int, list[float]] = {count: [] for count in pages}
            for _ in range(options.rounds):
                for count, (page, _seconds) in pages.items():
                    times[count].append(ready(driver, page.path))
        finally:
            driver.quit()
    small, large = (statistics.median(times[count]) for count in pages)
    print(f"{'traces':>8} {'listed':>8} {'MB':>6} {'ready s':>8} {'ms a trace to write':>20}")
    for count, (page, seconds) in pages.items():
        row = (statistics.median(times[count]), 1000 * seconds / count)
        print(f"{count:>8,} {page.notes:>8,} {page.size / 1e6:>6.1f} {row[0]:>8.2f} {row[1]:>20.2f}")
    page = pages[options.traces][0]
    found = {
        "traces": options.traces,
        "listed": page.notes,
        "megabytes": round(page.size / 1e6, 1),
        "ready_seconds": round(large, 2),
        "small_ready_seconds": round(small, 2),
        "ready_ratio": round(large / small, 2),
        "write_ms_per_trace": round(1000 * pages[options.traces][1] / options.traces, 2),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
