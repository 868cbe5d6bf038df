"""`tagllm recommend train`, `embed` and `tags`: training NoteLLM and what it is compared with, and asking a model."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from recommend.training import TrainingConfig
from tagllm.commands.options import ids_option, limit_option, record_options, refused, split_option
from tagllm.commands.recommend_options import (
    behaviour_options,
    definition_option,
    interactions_option,
    json_option,
    notes_option,
    taken,
)

_TAGS = click.option(
    "--tags",
    default="none",
    show_default=True,
    metavar="none|hashtags|RUN",
    help="What is seen of a note besides its text: nothing, the author's hashtags, or the tags of a run in a folder.",
)


@click.command(
    epilog="""\b
Examples:
  tagllm recommend train --notes notes.jsonl --interactions clicks.csv --out models/notellm
  tagllm recommend train --notes notes.jsonl --interactions clicks.csv --out models/contrast --method contrast
  tagllm recommend train --notes notes.jsonl --interactions clicks.csv --out models/qwen --base Qwen/Qwen3-0.6B --lora 8
  tagllm recommend train --notes notes.jsonl --interactions clicks.csv --out models/seeing --base DIR --pictures 1
  accelerate launch --num-processes 4 -m tagllm recommend train --notes N --interactions I --out models/large --base DIR
  tagllm recommend eval --notes notes.jsonl --interactions clicks.csv --method notellm=models/notellm
"""
)
@notes_option
@interactions_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the model.")
@click.option(
    "--base",
    default="minilm",
    show_default=True,
    metavar="minilm|DIR|NAME",
    help="Where it starts: the packaged encoder run as a decoder, or any causal language model, also one that sees.",
)
@click.option(
    "--method",
    type=click.Choice(["notellm", "contrast", "repllama"]),
    default="notellm",
    show_default=True,
    help="notellm: one word for a note, compared and written from. contrast: one word, compared alone. repllama: the "
    "note's last token, compared alone.",
)
@definition_option
@_TAGS
@click.option("--words", metavar="NAME/VERSION", help="Prompts, such as compression/v1; the latest by default.")
@record_options(TrainingConfig, without=("seed",))  # it is that of the division of clicks
@behaviour_options
@json_option
def train(
    notes: Path,
    interactions: Path,
    out: Path,
    base: str,
    method: Any,
    definition: Any,
    tags: str,
    words: str | None,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Train a model that embeds notes and writes their tags, on the pairs of the training clicks.

    Clicks are divided as `recommend eval` divides them: give both the same --split, --test-share and --seed. The same
    command goes on where a training was stopped or killed.

    Exit status: 0 the model is there, 1 some rows were no notes and are counted, 2 wrong usage, 130 stopped.
    """
    from rich.console import Console

    from recommend import PairOptions, RecommendError
    from tagllm.recommend_training import run_train, trained
    from tagllm.showing import console
    from tagllm.telling import is_first

    behaviour, options = taken(wanted)
    messages = Console(stderr=True, highlight=False)
    chosen = {name: value for name, value in wanted.items() if name in TrainingConfig.model_fields}
    try:
        with refused(RecommendError):
            summary, rejected = run_train(
                notes,
                interactions,
                out,
                messages,
                base=base,
                method=method,
                config=TrainingConfig(**chosen),
                behaviour=behaviour,
                options=PairOptions(definition=definition, **options),
                tags=tags,
                words=words,
            )
    except KeyboardInterrupt:
        messages.print("stopped; the same command goes on from the last checkpoint")
        sys.exit(130)
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror or error}") from None
    if is_first():
        if as_json:
            found = {"path": str(out), "rejected": rejected, **summary.model_dump(mode="json")}
            click.echo(json.dumps(found, ensure_ascii=False))
        else:
            console().print(trained(summary))
            said = f"wrote {out}; measure it: tagllm recommend eval … --method {method}={out}"
            console().print(said, markup=False, soft_wrap=True)
    sys.exit(1 if rejected else 0)


@click.command(
    epilog="""\b
Examples:
  tagllm recommend embed notes.jsonl --model models/notellm --out vectors.parquet
  tagllm recommend embed notes.jsonl --method sbert --out vectors.parquet --tags hashtags
"""
)
@click.argument("notes", type=click.Path(path_type=Path))
@click.option("--model", type=click.Path(path_type=Path), help="Folder of a trained model.")
@click.option("--method", default="notellm", show_default=True, help="What embeds; see `recommend eval --help`.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Parquet file of id and vector."
)
@_TAGS
@split_option
@limit_option
@json_option
def embed(
    notes: Path,
    model: Path | None,
    method: str,
    out: Path,
    tags: str,
    split: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Write one unit vector a note to a Parquet file; a note without a word has zeros and is counted.

    Exit status: 0 done, 1 some rows were no notes and are counted, 2 wrong usage.
    """
    from rich.console import Console

    from recommend import RecommendError
    from recommend.methods import METHODS
    from tagllm.recommend_training import run_embed
    from tagllm.showing import console

    if method not in METHODS:
        raise click.UsageError(f"--method {method!r}: no such method; known: {', '.join(METHODS)}")
    messages = Console(stderr=True, highlight=False)
    try:
        with refused(RecommendError):
            read = run_embed(notes, out, messages, method=method, model=model, tags=tags, split=split, limit=limit)
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror or error}") from None
    if as_json:
        click.echo(json.dumps({"path": str(out), **read._asdict()}))
    else:
        empty = f", {read.empty:,} of them without a word: zeros" if read.empty else ""
        console().print(f"wrote {out}: {read.notes:,} notes{empty}", markup=False, soft_wrap=True)
    sys.exit(1 if read.rejected else 0)


@click.command(
    "tags",
    epilog="""\b
Examples:
  tagllm recommend tags notes.jsonl --model models/notellm --limit 5
  tagllm recommend tags notes.jsonl --model models/notellm --limit 5 --neighbours 3
  tagllm recommend tags notes.jsonl --model models/notellm --json > tags.jsonl
""",
)
@click.argument("notes", type=click.Path(path_type=Path))
@click.option("--model", type=click.Path(path_type=Path), required=True, help="Folder of a trained model.")
@click.option(
    "--neighbours",
    type=click.IntRange(0, 100),
    default=0,
    show_default=True,
    help="Beside each note, the nearest of all others in NOTES by the same model, with what it writes for them.",
)
@split_option
@limit_option
@ids_option
@json_option
def write_tags(
    notes: Path,
    model: Path,
    neighbours: int,
    split: str | None,
    limit: int | None,
    ids: tuple[str, ...],
    as_json: bool,
) -> None:
    """Let a trained model write each note's category and hashtags, out of its text and the pictures it looks at.

    Exit status: 0 done, 1 some rows were no notes and are counted, 2 wrong usage.
    """
    from rich.console import Console

    from recommend import RecommendError
    from tagllm.recommend_training import lines, run_tags, tagged
    from tagllm.showing import console

    messages = Console(stderr=True, highlight=False)
    with refused(RecommendError):
        found, read = run_tags(notes, messages, model=model, split=split, limit=limit, ids=ids, neighbours=neighbours)
    if as_json:
        for line in lines(found):
            click.echo(line)
    else:
        console().print(tagged(found))
    if read.empty:
        messages.print(f"nothing is written for {read.empty:,} of {read.notes:,} notes")
    sys.exit(1 if read.rejected else 0)
