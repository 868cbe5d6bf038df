"""Options that the commands of `tagllm recommend` share."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
notes_option = click.option("--notes", type=click.Path(path_type=Path), required=True, help="The notes.")
interactions_option = click.option(
    "--interactions", type=click.Path(path_type=Path), required=True, help="Who clicked which note: user_id, note_id."
)
definition_option = click.option(
    "--pairs",
    "definition",
    type=click.Choice(["cooccurrence", "cosine"]),
    default="cooccurrence",
    show_default=True,
    help="What makes two notes belong together. cooccurrence: the users of both, each less the more they click. "
    "cosine: the users of both, by the popularity of both.",
)
_BEHAVIOUR: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    click.option(
        "--split",
        "by",
        type=click.Choice(["time", "note", "both", "none"]),
        default="time",
        show_default=True,
        help="What divides clicks to learn from and clicks to be measured on. time: the latest are for the test. "
        "note: those on notes held out. both: later clicks on notes held out. none: all are in both parts.",
    ),
    click.option(
        "--test-share",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.2,
        show_default=True,
        help="Of the clicks (time), of the notes (note), of each (both).",
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="Of the notes that are held out."),
    click.option(
        "--min-strength",
        type=float,
        help="Interactions with less `strength` are no clicks.  [default: 4 where strengths are ratings of five]",
    ),
    click.option(
        "--lowest",
        type=click.FloatRange(0),
        default=0.01,
        show_default=True,
        help="Score of a pair (cooccurrence).",
    ),
    click.option(
        "--highest",
        type=click.FloatRange(0),
        default=30.0,
        show_default=True,
        help="Score of one (cooccurrence).",
    ),
    click.option(
        "--support",
        type=click.IntRange(1),
        default=2,
        show_default=True,
        help="Users of a pair, at least (cosine).",
    ),
    click.option(
        "--most", type=click.IntRange(1), default=10, show_default=True, help="Targets of a note, best first."
    ),
    click.option(
        "--most-clicks",
        type=click.IntRange(2, 100_000),
        default=2000,
        show_default=True,
        help="Notes a user clicked; users with more are set aside: N clicks make N² pairs.",
    ),
)


def behaviour_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options on how interactions are read, divided and paired."""
    return functools.reduce(lambda known, option: option(known), reversed(_BEHAVIOUR), command)


def taken(wanted: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Options of `behaviour_options` as the library takes them: a `Behaviour`, and what `PairOptions` are made with."""
    from tagllm.recommending import Behaviour

    if wanted["lowest"] > wanted["highest"]:
        raise click.UsageError(f"--lowest {wanted['lowest']:g} is above --highest {wanted['highest']:g}")
    behaviour = Behaviour(
        by=wanted["by"], share=wanted["test_share"], seed=wanted["seed"], min_strength=wanted["min_strength"]
    )
    return behaviour, {name: wanted[name] for name in ("lowest", "highest", "support", "most", "most_clicks")}
