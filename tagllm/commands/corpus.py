"""`tagllm corpus`: training sets out of runs."""

import json
import sys
from pathlib import Path
from typing import Any

import click

_VIEWS = "tags,cot,steps,preference,prompts"
_FORMATS = "trl,sharegpt,openai,batch"
_JSON = click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
_SHARE = click.FloatRange(0, 1)


class _Names(click.ParamType[tuple[str, ...]]):
    """Names with commas between them, out of a known list."""

    name = "NAME,NAME"

    def __init__(self, known: str, *, none: bool = False) -> None:
        self.known = known.split(",")
        self._none = none

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        found = [name.strip() for name in str(value).split(",") if name.strip()]
        if self._none and found == ["none"]:
            return ()
        for name in found:
            if name not in self.known:
                more = " or none" if self._none else ""
                self.fail(f"{name!r} is not known; choose from {', '.join(self.known)}{more}", param, ctx)
        if not found:
            self.fail(f"it is empty; choose from {', '.join(self.known)}", param, ctx)
        return tuple(name for name in self.known if name in found)


@click.group()
def corpus() -> None:
    """Build training sets out of runs, and prove that trainers take every row."""


@corpus.command(
    epilog="""\b
Examples:
  tagllm corpus build runs/tonight --out corpus
  tagllm corpus build runs/a runs/b runs/c --out corpus --agreement 0.67
  tagllm corpus build runs/tonight --out corpus --views tags,preference --formats trl
  tagllm corpus build runs/tonight --out corpus --min-confidence 0.6 --lang en --lang zh --per-category 2000
  tagllm corpus check corpus
"""
)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the corpus.")
@click.option("--views", type=_Names(_VIEWS), default=_VIEWS, show_default=True, help="What is to be learned.")
@click.option("--formats", type=_Names(_FORMATS), default=_FORMATS, show_default=True, help="Who is to read it.")
@click.option("--notes", type=click.Path(path_type=Path), help="Where the notes are now, if they have moved.")
@click.option("--min-tags", type=click.IntRange(1, 12), default=1, show_default=True, help="Of a note, at least.")
@click.option("--min-confidence", type=_SHARE, default=0.0, show_default=True, help="Mean over a note's tags.")
@click.option(
    "--min-groundedness", type=_SHARE, default=0.5, show_default=True, help="Share of tags that rest on something."
)
@click.option(
    "--max-redundancy", type=_SHARE, default=0.5, show_default=True, help="Share of pairs of tags that say the same."
)
@click.option("--lang", "langs", multiple=True, metavar="CODE", help="Only notes in this language; may be repeated.")
@click.option(
    "--max-chars",
    type=click.IntRange(min=100),
    default=32_000,
    show_default=True,
    help="Of a question with its answer; longer ones are left out.",
)
@click.option(
    "--agreement",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="Where several runs tagged a note: share of them that must give a tag.",
)
@click.option("--keep-duplicates", is_flag=True, help="Keep notes with nearly the same text and pictures.")
@click.option("--per-category", type=click.IntRange(min=1), help="Notes of a category at most, the surest first.")
@click.option("--per-interest", type=click.IntRange(min=1), help="Notes that speak to an interest at most.")
@click.option(
    "--validation", type=click.FloatRange(0, 0.5), default=0.05, show_default=True, help="Share of the notes, about."
)
@click.option("--test", type=click.FloatRange(0, 0.5), default=0.05, show_default=True, help="Share of the notes.")
@click.option(
    "--split-by",
    type=_Names("text,pictures", none=True),
    default="text,pictures",
    show_default=True,
    help="What notes of two splits may not share, nearly the same included; none: only the note itself counts.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the splits.")
@click.option("--no-pictures", is_flag=True, help="Text alone, for models that see nothing.")
@click.option(
    "--max-side", type=click.IntRange(32, 4096), default=768, show_default=True, help="Pixels of a picture's long side."
)
@click.option("--words", default="student/v1", show_default=True, help="Version of the words that ask the student.")
@click.option("--model", default="student", show_default=True, help="Name of the model in batch files.")
@click.option("--overwrite", is_flag=True, help="Replace the corpus that is there.")
@_JSON
def build(runs: tuple[Path, ...], out: Path, notes: Path | None, overwrite: bool, as_json: bool, **wanted: Any) -> None:
    """Make training sets out of RUNS, the folders of one or several runs.

    Every trace is in a view, or in dropped.jsonl with its reason. The same runs give the same bytes.

    \b
    tags        note and pictures → tags
    cot         note and pictures → reasoning, then tags
    steps       each step as the teacher was asked it
    preference  the final tags rather than the draft they came from (DPO)
    prompts     the question alone, for distillation on the student's own answers

    Exit status: 0 there is something to learn from, 1 nothing is left, 2 wrong usage.
    """
    from rich.console import Console

    from distill.corpus import CorpusError
    from prompts import PromptError
    from tagllm.corpora import rendered, run_build, warnings_of
    from tagllm.showing import console

    messages = Console(stderr=True, highlight=False)
    try:
        summary = run_build(runs, out, _policy(wanted), messages, notes=notes, overwrite=overwrite)
    except (CorpusError, PromptError) as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror or error}") from None
    if as_json:
        for warning in warnings_of(summary):
            messages.print(warning, markup=False)
        click.echo(json.dumps({"path": str(out), **summary.model_dump(mode="json")}, ensure_ascii=False))
    else:
        console().print(rendered(summary))
        console().print(f"wrote {out}; its card is {out / 'README.md'}", markup=False, soft_wrap=True)
    sys.exit(0 if summary.kept else 1)


def _policy(wanted: dict[str, Any]) -> Any:
    from distill.corpus import CorpusPolicy, Selection, Splitting
    from notes.pictures import PicturePolicy

    names = (
        *("min_tags", "min_confidence", "min_groundedness", "max_redundancy", "langs", "max_chars"),
        *("agreement", "per_category", "per_interest"),
    )
    selection = {name: wanted[name] for name in names}
    return CorpusPolicy(
        views=wanted["views"],
        formats=wanted["formats"],
        selection=Selection(**selection, drop_duplicates=not wanted["keep_duplicates"]),
        splitting=Splitting(
            validation=wanted["validation"], test=wanted["test"], seed=wanted["seed"], by=wanted["split_by"]
        ),
        with_pictures=not wanted["no_pictures"],
        pictures=PicturePolicy(max_side=wanted["max_side"]),
        words=wanted["words"],
        model=wanted["model"],
    )


@corpus.command(
    epilog="""\b
Examples:
  tagllm corpus check corpus
  tagllm corpus check corpus --json
"""
)
@click.argument("folder", type=click.Path(path_type=Path))
@_JSON
def check(folder: Path, as_json: bool) -> None:
    """Prove that every reader takes every row of the corpus in FOLDER.

    Files are compared with their digests, traces counted, splits compared. `datasets` and TRL read with their own code
    where they are installed; LLaMA-Factory, ms-swift, OpenAI and batch files by their rules, written down here.

    Exit status: 0 no row would be dropped, 1 something does not fit, 2 there is no corpus.
    """
    from rich.console import Console

    from distill.corpus import CorpusError
    from prompts import PromptError
    from tagllm.corpora import as_json as shown_as_json
    from tagllm.corpora import checked, run_check
    from tagllm.showing import console

    messages = Console(stderr=True, highlight=False)
    try:
        found = run_check(folder, messages)
    except (CorpusError, PromptError) as error:
        raise click.UsageError(str(error)) from None
    holds = all(one.holds for one in found)
    if as_json:
        click.echo(json.dumps(shown_as_json(found), ensure_ascii=False))
    else:
        console().print(checked(found))
        console().print("every reader takes every row" if holds else "something does not fit", style="bold")
    sys.exit(0 if holds else 1)
