"""`tagllm`: registers the commands. Heavy libraries are imported by the commands that need them, when they run."""

import sys
import tomllib
from pathlib import Path

import click

from tagllm.commands.cache import cache
from tagllm.commands.corpus import corpus
from tagllm.commands.doctor import doctor
from tagllm.commands.eval import evaluate
from tagllm.commands.handbook import handbook
from tagllm.commands.optimize import optimize
from tagllm.commands.prompts import prompts
from tagllm.commands.recommend import recommend
from tagllm.commands.report import report
from tagllm.commands.run import run
from tagllm.commands.runs import runs
from tagllm.commands.student import student
from tagllm.commands.tag import tag
from tagllm.commands.teacher import teacher
from tagllm.settling import seldom

SETTINGS = "tagllm.toml"


class _Main(click.Group):
    """The group; reads `tagllm.toml` below flags and `TAGLLM_*`."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        extra.setdefault("default_map", _settings(self))
        given = list(args)
        context = super().make_context(info_name, args, parent, **extra)  # pyright: ignore[reportArgumentType]
        context.meta["tagllm.arguments"] = given
        return context


def _settings(group: click.Group) -> dict[str, dict[str, object]]:
    """Defaults per command out of `tagllm.toml` in this folder.

    Raises:
        click.UsageError: it is no valid TOML, or names a command or an option that does not exist.
    """
    file = Path(SETTINGS)
    if not file.is_file():
        return {}
    try:
        found = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{SETTINGS}: no valid TOML: {error}") from None
    for name, values in found.items():
        command = group.commands.get(name)
        if command is None or not isinstance(values, dict):
            raise click.UsageError(
                f"{SETTINGS}: no command {name!r}; tables are named after: {', '.join(group.commands)}"
            )
        known = {parameter.name for parameter in command.params if isinstance(parameter, click.Option)}
        for key in values:
            if key.replace("-", "_") not in known:
                raise click.UsageError(
                    f"{SETTINGS}: [{name}] has no option {key!r}; known: {', '.join(sorted(filter(None, known)))}"
                )
        found[name] = {key.replace("-", "_"): value for key, value in values.items()}
    return found


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="tagllm")
@click.pass_context
def main(context: click.Context) -> None:
    """Fine-grained interest tags for community notes.

    \b
    tagllm tag examples/notes.jsonl --handbook examples/handbook
    tagllm handbook search examples/handbook "night view"
    tagllm doctor

    Settings come from flags, then TAGLLM_* variables, then tagllm.toml in this folder.
    """
    context.with_resource(seldom())


main.add_command(tag)
main.add_command(evaluate)
main.add_command(run)
main.add_command(runs)
main.add_command(report)
main.add_command(corpus)
main.add_command(student)
main.add_command(recommend)
main.add_command(handbook)
main.add_command(prompts)
main.add_command(optimize)
main.add_command(teacher)
main.add_command(cache)
main.add_command(doctor)

if __name__ == "__main__":
    sys.exit(main())
