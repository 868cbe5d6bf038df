"""`tagllm report`."""

import json
import re
import sys
from pathlib import Path

import click


@click.command(
    epilog="""\b
Examples:
  tagllm report runs/tonight
  tagllm report runs/tonight --out tonight.html
  tagllm report runs/v1 runs/v2 --out v1-v2.html
  tagllm report runs/tonight --notes moved/notes.jsonl --json
"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path), required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The HTML file; by default report.html in the run's folder, for two runs against-OTHER.html.",
)
@click.option(
    "--notes", type=click.Path(path_type=Path), help="Where the notes are now, if they have moved since the run."
)
@click.option("--pictures/--no-pictures", default=True, help="Show small pictures; by default yes.")
@click.option(
    "--max-mb",
    type=click.IntRange(5, 1000),
    default=48,
    show_default=True,
    help="Size of the file at most; what finds no room is counted, but cannot be browsed.",
)
@click.option("--json", "as_json", is_flag=True, help="The numbers as JSON on standard output, nothing else.")
def report(
    run: Path, other: Path | None, out: Path | None, notes: Path | None, pictures: bool, max_mb: int, as_json: bool
) -> None:
    """Show RUN, the folder of a run, as one HTML file that needs no network; or compare it with OTHER note by note.

    The page has the numbers over everything the run holds, and a browser of its notes: pictures, words with the
    evidence marked, every step's answer, what became of each draft, final tags.

    Exit status: 0 the page shows a complete run, 1 it was written, and says what is wrong with the run, 2 wrong usage.
    """
    from distill.runs import RunError
    from tagllm.report.reporting import make_report
    from tagllm.showing import printable

    folders = [run] if other is None else [run, other]
    if other is not None and other.resolve() == run.resolve():
        raise click.UsageError(f"{run} and {other} are the same run; name two, or one alone")
    if out is None:
        against = re.sub(r"[^\w.-]+", "-", other.resolve().name) if other is not None else ""
        out = run / (f"against-{against}.html" if against else "report.html")
    if out.suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"--out {out} must end in .html: the report is one HTML file")
    try:
        found = make_report(folders, out, notes=notes, pictures=pictures, max_mb=max_mb)
    except RunError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.UsageError(f"{out} cannot be written: {error.strerror or error}; choose another --out") from None
    for problem in found.problems:
        click.echo(printable(problem, 600), err=True)
    shown = f"{found.notes:,} of {found.of:,} notes to browse, {found.pictures:,} pictures"
    said = f"wrote {out} ({found.size / 1e6:.1f} MB: {shown})"
    if as_json:
        click.echo(said, err=True)
        shown_json = {"path": str(out), "bytes": found.size, "notes": found.notes, "pictures": found.pictures}
        click.echo(json.dumps({"report": shown_json, **found.facts}, ensure_ascii=False))
    else:
        click.echo(said)
    sys.exit(1 if found.problems else 0)
