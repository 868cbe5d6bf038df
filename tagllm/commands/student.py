"""`tagllm student`: a small model that tags in one step."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from distill.student.config import Setting, TrainingConfig, settings
from tagllm.commands.options import handbook_option, ids_option, limit_option, refused, split_option


@click.group()
def student() -> None:
    """Train a small model that tags in one step, and measure it against its teacher."""


def _training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """An option for every field of `TrainingConfig`."""
    for name, (kind, setting) in reversed([*settings().items()]):
        command = _option(name, kind, setting)(command)
    return command


def _option(name: str, kind: Any, setting: Setting) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    default = getattr(TrainingConfig, name)
    word = name.replace("_", "-")
    kinds = [one for one in get_args(kind) or (kind,) if one is not type(None)]
    if kinds[0] is bool and default is None:
        return click.option(f"--{word}/--no-{word}", default=None, help=setting.help)
    if kinds[0] is bool:
        return click.option(f"--{word}", is_flag=True, help=setting.help)
    limits: dict[str, Any] = {"min": setting.least, "max": setting.most}
    taken: Any = click.Choice(kinds)
    if kinds[0] in (int, float):
        taken = click.IntRange(**limits) if kinds[0] is int else click.FloatRange(**limits)
    return click.option(f"--{word}", type=taken, default=default, show_default=default is not None, help=setting.help)


@student.command(
    epilog="""\b
Examples:
  tagllm student train corpus --base HuggingFaceTB/SmolVLM-256M-Instruct --out student
  tagllm student train corpus --base models/qwen-vl-2b --out student --lora 16 --epochs 2
  tagllm student train corpus --base student --out preferring --view preference
  accelerate launch --num-processes 4 -m tagllm student train corpus --base models/vlm-3b --out student
  tagllm run notes.jsonl --teacher vllm --model student --graph student --out runs/student
"""
)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option("--base", required=True, metavar="MODEL", help="Model to start from: a folder, or a name on the hub.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the student.")
@_training_options
@click.option("--json", "as_json", is_flag=True, help="What made the student as JSON on standard output, nothing else.")
def train(corpus: Path, base: str, out: Path, as_json: bool, **wanted: Any) -> None:
    """Train a student on CORPUS, a folder that `tagllm corpus build` wrote.

    The loss is on the answer alone, in the bytes that a server writes which decodes within the student's schema. OUT
    is a model's folder: vLLM serves it as it is. The same command goes on where a training was stopped or killed.

    Exit status: 0 the student is there, 2 wrong usage, 130 stopped.
    """
    from rich.console import Console

    from distill.corpus import CorpusError
    from tagllm.showing import console
    from tagllm.students import rendered, run_train
    from tagllm.telling import is_first

    messages = Console(stderr=True, highlight=False)
    try:
        config = TrainingConfig(**wanted)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        with refused(CorpusError):
            made = run_train(corpus, base, out, config, messages)
    except KeyboardInterrupt:
        messages.print("stopped; the same command goes on from the last checkpoint")
        sys.exit(130)
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror or error}") from None
    if not is_first():
        return
    if as_json:
        click.echo(json.dumps({"path": str(out), **made.model_dump(mode="json")}, ensure_ascii=False))
        return
    console().print(rendered(made))
    said = f"wrote {out}; ask it: tagllm run NOTES --teacher vllm --model {out} --graph student --out DIR"
    console().print(said, markup=False, soft_wrap=True)


@student.command(
    "eval",
    epilog="""\b
Examples:
  tagllm student eval student notes.jsonl --split test --against runs/teacher
  tagllm student eval student notes.jsonl --against runs/teacher --out evals/student --report student.html
  tagllm student eval student notes.jsonl --base-url http://gpu1:8000 --against runs/teacher --json
  tagllm report evals/student/run runs/teacher --notes notes.jsonl
""",
)
@click.argument("folder", metavar="STUDENT", type=click.Path(path_type=Path))
@click.argument("notes", type=click.Path(path_type=Path))
@click.option("--against", type=click.Path(path_type=Path), help="Folder of its teacher's run over the same notes.")
@split_option
@limit_option
@ids_option
@click.option("--learned-too", is_flag=True, help="Ask about notes as well that the student learned from.")
@handbook_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder where the student's run stays.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write tables and plots as HTML.")
@click.option(
    "--base-url", "base_urls", multiple=True, metavar="URL", help="Server that has the student; else one is started."
)
@click.option("--engine-option", "engine_options", multiple=True, metavar="WORD", help="For a vLLM that is started.")
@click.option(
    "--concurrency", type=click.IntRange(1, 1024), help="Notes at a time; by default as the server's load is."
)
@click.option("--max-tokens", type=click.IntRange(16, 131_072), default=1000, show_default=True, help="Of an answer.")
@click.option("--resamples", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Of the bootstrap.")
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
def evaluate(
    folder: Path,
    notes: Path,
    against: Path | None,
    split: str | None,
    limit: int | None,
    ids: tuple[str, ...],
    learned_too: bool,
    handbook: Path | None,
    out: Path | None,
    report: Path | None,
    base_urls: tuple[str, ...],
    engine_options: tuple[str, ...],
    concurrency: int | None,
    max_tokens: int,
    resamples: int,
    as_json: bool,
) -> None:
    """Ask STUDENT about the notes in NOTES that it has not learned from, and measure its tags beside its teacher's.

    Differences are the student's less the teacher's over the same notes, with paired intervals.

    Exit status: 0 every note got its tags, 1 some failed or were rejected and are counted, 2 wrong usage.
    """
    if engine_options and base_urls:
        raise click.UsageError("--engine-option is for a server that is started; leave it or --base-url out")
    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"--report {report} must end in .html: it is one HTML file")
    from distill.runs import RunError
    from tagllm.showing import console
    from tagllm.student_evaluating import Notes, run_student_eval
    from tagllm.student_showing import page, rendered
    from tagllm.teaching import TeacherChoice

    asked = TeacherChoice(
        name="vllm",
        model=str(folder),
        base_urls=base_urls,
        student=True,
        cached=False,
        concurrency=concurrency or 0,
        max_tokens=max_tokens,
        engine_options=engine_options,
        api_key=os.environ.get("TAGLLM_API_KEY", ""),
    )
    with refused(RunError):
        found = run_student_eval(
            folder,
            Notes(path=notes, split=split, limit=limit, ids=ids, learned_too=learned_too),
            against=against,
            out=out,
            handbook=handbook,
            teacher=asked,
            resamples=resamples,
        )
    if report is not None:
        report.write_text(page(found), "utf-8")
    if as_json:
        click.echo(json.dumps(found.as_json(), ensure_ascii=False))
    else:
        console().print(rendered(found))
        if report is not None:
            click.echo(f"wrote {report}")
    sys.exit(0 if found.complete else 1)
