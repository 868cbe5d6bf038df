"""Options that several commands share."""

import functools
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from notes.records import Record

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

split_option = click.option("--split", help="Only notes whose `split` column says so.")
limit_option = click.option("--limit", type=click.IntRange(min=1), help="Stop after this many notes.")
ids_option = click.option("--id", "ids", multiple=True, help="Only the note with this id; may be repeated.")
handbook_option = click.option(
    "--handbook",
    type=click.Path(path_type=Path),
    envvar="TAGLLM_HANDBOOK",
    help="Folder of the User Interest Handbook; without it tags come from the notes alone.",
)
graph_option = click.option(
    "--graph",
    type=click.Choice(["steps", "fused", "student"]),
    default="steps",
    show_default=True,
    envvar="TAGLLM_GRAPH",
    help="Ask step by step, everything in one answer, or a student, which says the tags alone.",
)
fetch_option = click.option("--fetch-images", is_flag=True, help="Fetch http(s) pictures, from public addresses only.")
hashtags_option = click.option("--show-hashtags", is_flag=True, help="Let the tagger read the author's own hashtags.")


@contextmanager
def refused(*more: type[Exception]) -> Iterator[None]:
    """What cannot be read or used ends the command as wrong usage, with its message.

    Args:
        more: Errors of the command's own that mean the same.
    """
    from distill.student.config import StudentError
    from handbook import HandbookError
    from notes.reading import UnreadableInput
    from prompts import PromptError
    from teachers.store import StoreError
    from teachers.vllm.launch import ServerError

    try:
        yield
    except (UnreadableInput, HandbookError, PromptError, ServerError, StoreError, StudentError, *more) as error:
        raise click.UsageError(str(error)) from None


class _Concurrency(click.ParamType[int]):
    """A number of notes, or `auto`."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if str(value).strip().lower() == "auto":
            return 0
        if not str(value).isdigit() or not 1 <= int(value) <= 1024:
            self.fail(f"must be 1 to 1024 or auto, got {value!r}", param, ctx)
        return int(value)


_TEACHER: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    click.option(
        "--teacher",
        type=click.Choice(["embedded", "vllm"]),
        default="embedded",
        show_default=True,
        envvar="TAGLLM_TEACHER",
        help="Who answers. embedded: sentence vectors and picture text, no LLM, no GPU. vllm: a model on a server.",
    ),
    click.option(
        "--base-url",
        "base_urls",
        multiple=True,
        metavar="URL",
        envvar="TAGLLM_BASE_URL",
        help="Server to ask, as http://127.0.0.1:8000/v1; repeated: requests go to the least busy one. "
        "A key it asks for is read from TAGLLM_API_KEY.",
    ),
    click.option(
        "--model",
        default="",
        envvar="TAGLLM_MODEL",
        help="Model folder or name. Without --base-url a vLLM server is started for it, and ends with the command.",
    ),
    click.option("--revision", default="", help="Of the model's weights, where the server cannot tell."),
    click.option(
        "--prompts",
        default="",
        envvar="TAGLLM_PROMPTS",
        metavar="NAME/VERSION",
        help="Words that ask, such as tagging/v1; the latest by default.",
    ),
    click.option(
        "--max-tokens",
        type=click.IntRange(16, 131_072),
        default=2000,
        show_default=True,
        help="Of an answer; one that is cut off is asked for once more with twice as many.",
    ),
    click.option(
        "--temperature", type=click.FloatRange(0, 2), default=0.0, show_default=True, help="Of the model's sampling."
    ),
    click.option(
        "--concurrency",
        type=_Concurrency(),
        default="auto",
        show_default=True,
        help="Notes at a time; auto follows the servers' own load.",
    ),
    click.option("--no-cache", is_flag=True, help="Ask again what was asked before."),
    click.option(
        "--allow-unenforced", is_flag=True, help="Use a server that ignores schemas; broken answers are failures."
    ),
    click.option(
        "--engine-option", "engine_options", multiple=True, metavar="WORD", help="For a vLLM that is started."
    ),
)


def teacher_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say who answers; the command gets them as `teacher`, a `tagllm.teaching.TeacherChoice`."""

    @functools.wraps(command)
    def called(
        teacher: str,
        base_urls: tuple[str, ...],
        model: str,
        revision: str,
        prompts: str,
        max_tokens: int,
        temperature: float,
        concurrency: int,
        no_cache: bool,
        allow_unenforced: bool,
        engine_options: tuple[str, ...],
        handbook_tokens: int = 3000,
        **others: Any,
    ) -> Any:
        if teacher == "embedded" and (base_urls or model):
            named = f"--base-url {base_urls[0]}" if base_urls else f"--model {model}"
            source = click.get_current_context().get_parameter_source("base_urls" if base_urls else "model")
            if source is click.core.ParameterSource.COMMANDLINE:
                raise click.UsageError(f"{named} is for a model on a server; add --teacher vllm")
        if engine_options and base_urls:
            raise click.UsageError("--engine-option is for a server that is started; leave it or --base-url out")
        student = others.get("graph") == "student"
        if student and teacher == "embedded":
            raise click.UsageError("--graph student asks a trained model; add --teacher vllm --model STUDENT")
        from tagllm.teaching import TeacherChoice

        return command(
            teacher=TeacherChoice(
                name=teacher,  # pyright: ignore[reportArgumentType]
                base_urls=base_urls,
                model=model,
                revision=revision,
                prompts=prompts,
                max_tokens=max_tokens,
                temperature=temperature,
                concurrency=concurrency,
                handbook_tokens=handbook_tokens,
                cached=not no_cache,
                allow_unenforced=allow_unenforced,
                engine_options=engine_options,
                student=student,
                api_key=os.environ.get("TAGLLM_API_KEY", ""),
            ),
            **others,
        )

    return functools.reduce(lambda known, option: option(known), reversed(_TEACHER), called)


def handbook_tokens(command: Callable[..., Any]) -> Callable[..., Any]:
    """How much of the handbook a model is shown; part of the command's `teacher`."""
    option = click.option(
        "--handbook-tokens",
        type=click.IntRange(50, 100_000),
        default=3000,
        show_default=True,
        help="Of the handbook, shown to a model with every note.",
    )
    return option(command)


def tag_counts(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options for how many tags a note gets; the command gets `limits`, a `signatures.questions.TagLimits`."""

    @functools.wraps(command)
    def called(min_tags: int | None, max_tags: int, **others: Any) -> Any:
        if min_tags is not None and min_tags > max_tags:
            raise click.UsageError(
                f"--min-tags {min_tags} is above --max-tags {max_tags}; lower the one or raise the other"
            )
        from signatures.questions import TagLimits

        limits = TagLimits(max_tags=max_tags)
        wanted = {"min_tags": min(limits.min_tags, max_tags)}
        if min_tags is not None:
            wanted = {"min_tags": min_tags, "fewest": min_tags}
        return command(limits=limits.model_copy(update=wanted), **others)

    least, most = click.IntRange(1, 12), click.IntRange(1, 12)
    with_most = click.option("--max-tags", type=most, default=8, show_default=True, help="Tags given, at most.")(called)
    says = "Tags aimed at, at least.  [default: 3; with a mined handbook, those that are likely]"
    return click.option("--min-tags", type=least, help=says)(with_most)


def record_options(kind: type["Record"], *, without: Collection[str] = ()) -> Decorator:
    """An option for every field of a record of settings, with its description, limits and default.

    Args:
        kind: Its fields are whole numbers, numbers, choices or flags.
        without: Fields that have no option, or one elsewhere.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, field in reversed(kind.model_fields.items()):
            if name not in without:
                command = _field_option(name, field)(command)
        return command

    return add


def _field_option(name: str, field: "FieldInfo") -> Decorator:
    kinds = [one for one in get_args(field.annotation) or (field.annotation,) if one is not type(None)]
    said: dict[str, Any] = {"default": field.default, "help": field.description}
    word = f"--{name.replace('_', '-')}"
    if kinds[0] is bool:
        return click.option(word, is_flag=True, **said)
    limits = {limit: getattr(one, limit) for one in field.metadata for limit in ("ge", "le") if hasattr(one, limit)}
    taken: Any = click.Choice(kinds)
    if kinds[0] in (int, float):
        taken = (click.IntRange if kinds[0] is int else click.FloatRange)(limits.get("ge"), limits.get("le"))
    return click.option(word, type=taken, show_default=field.default is not None, **said)
