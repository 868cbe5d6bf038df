"""`tagllm teacher`."""

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tagllm.serving import Look
    from teachers.vllm.probe import Probe
    from teachers.vllm.registry import ServerRecord

_JSON = click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
_PORT = click.IntRange(1, 65535)


@click.group()
def teacher() -> None:
    """Run a language model as the teacher: a local vLLM server.

    \b
    tagllm teacher serve --model models/my-vlm --port 8000
    tagllm teacher status
    tagllm teacher probe --base-url http://127.0.0.1:8000/v1
    tagllm teacher stop --port 8000
    """


@teacher.command(
    context_settings={"ignore_unknown_options": True},
    epilog="""\b
Examples:
  tagllm teacher serve --model models/my-vlm
  tagllm teacher serve --model org/name --port 8001 --detach -- --max-model-len 8192
""",
)
@click.option("--model", required=True, help="Folder of a model, or its name on the Hugging Face hub.")
@click.option("--port", type=_PORT, default=8000, show_default=True, help="On the loopback.")
@click.option(
    "--media-root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder whose pictures requests may name as file://.",
)
@click.option(
    "--start-limit",
    type=click.FloatRange(1),
    default=900,
    show_default=True,
    help="Seconds until it must have answered a request.",
)
@click.option("--max-restarts", type=click.IntRange(0), default=5, show_default=True, help="Within 15 minutes.")
@click.option("--detach", is_flag=True, help="Return when it is ready, and leave it running.")
@_JSON
@click.argument("engine_options", nargs=-1, type=click.UNPROCESSED)
def serve(
    model: str,
    port: int,
    media_root: Path | None,
    start_limit: float,
    max_restarts: int,
    detach: bool,
    as_json: bool,
    engine_options: tuple[str, ...],
) -> None:
    """Serve a model with vLLM until Ctrl-C, and start it again when it crashes.

    ENGINE_OPTIONS go to vLLM and win over TagLLM's own; put them after `--`. The server listens on this machine only.
    It is ready when it has answered a request with a picture and a JSON schema, not before.

    Exit status: 0 it was stopped (--detach: is ready), 1 it could not start or crashed too often, 2 wrong usage.
    """
    from tagllm.serving import Progress, start_in_background
    from teachers.vllm.launch import ServerError, launch
    from teachers.vllm.ports import PortHeld, refuse_held
    from teachers.vllm.server import ManagedServer, Patience

    try:
        launch(model, port, engine_options=engine_options, media_root=media_root)  # wrong usage is said first
        refuse_held(port)
    except ServerError as error:
        raise click.UsageError(str(error)) from None
    try:
        with Progress() as progress:
            if detach:
                words = ["--model", model, "--port", str(port), "--start-limit", str(start_limit)]
                words += ["--max-restarts", str(max_restarts)]
                words += ["--media-root", str(media_root)] if media_root is not None else []
                _say_ready(start_in_background([*words, "--", *engine_options], port, progress), as_json, detach=True)
                return
            server = ManagedServer(
                model,
                port=port,
                engine_options=engine_options,
                media_root=media_root,
                patience=Patience(start=start_limit, restarts=max_restarts),
                report=progress,
                purpose="serve",
                launcher=launch,
            )
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, _interrupt)
            with server:
                _say_ready(server.record, as_json, detach=False)
                server.wait_over()
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
    except PortHeld as error:
        raise click.UsageError(str(error)) from None
    except ServerError as error:
        raise click.ClickException(str(error)) from None


@teacher.command()
@_JSON
def status(as_json: bool) -> None:
    """Show the servers that run: where, since when, how loaded."""
    from concurrent.futures import ThreadPoolExecutor

    from tagllm.serving import look
    from teachers.vllm import registry

    with ThreadPoolExecutor(8) as pool:
        looks = list(pool.map(look, registry.running()))
    if as_json:
        click.echo(json.dumps([_as_dict(found) for found in looks], ensure_ascii=False))
    elif looks:
        _show(looks)
    else:
        click.echo("no server of tagllm runs; `tagllm teacher serve --model MODEL` starts one")


@teacher.command()
@click.option("--port", type=_PORT, help="Of the server to stop.")
@click.option("--all", "every", is_flag=True, help="Stop every server that `teacher serve` started.")
def stop(port: int | None, every: bool) -> None:
    """Stop servers, with every process of theirs.

    A server that belongs to a running command goes with that command; it is stopped only when named by its port,
    and the command with it.
    """
    from teachers.vllm import registry
    from teachers.vllm.launch import ServerError

    found = registry.running()
    ports = ", ".join(str(record.port) for record in found) or "none"
    if (port is None) == (not every):
        raise click.UsageError(f"give --port N or --all; servers run on: {ports}")
    chosen = [r for r in found if r.port == port or (every and r.purpose == "serve")]
    if port is not None and not chosen:
        raise click.UsageError(f"no server of tagllm runs on port {port}; servers run on: {ports}")
    for record in chosen:
        try:
            registry.stop(record)
        except ServerError as error:
            raise click.ClickException(str(error)) from None
        click.echo(f"stopped {record.served} on port {record.port}")
    for record in found:
        if record not in chosen and every:
            click.echo(f"left alone: port {record.port}, which pid {record.owner.pid} needs for its own work", err=True)
    if every and not chosen:
        click.echo("nothing to stop", err=True)


@teacher.command()
@click.option("--base-url", help="OpenAI-compatible address.  [default: that of the server that runs]")
@click.option("--model", default="", help="Name it serves the model by.  [default: the first it names]")
@click.option("--api-key", default="", envvar="TAGLLM_API_KEY", help="Where it asks for one.")
@click.option("--timeout", type=click.FloatRange(10), default=180, show_default=True, help="Seconds for all of it.")
@_JSON
def probe(base_url: str | None, model: str, api_key: str, timeout: float, as_json: bool) -> None:
    """Find out whether a server can be the teacher: does it enforce JSON schemas, take pictures, keep them.

    Exit status: 0 it can, 1 it cannot, 2 wrong usage.
    """
    from teachers.vllm.launch import ServerError
    from teachers.vllm.probe import probe_now

    try:
        found = probe_now(base_url or _only_server(), model=model, api_key=api_key, limit=timeout)
    except ServerError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps({**found.model_dump(mode="json"), "fit": found.fit}, ensure_ascii=False))
    else:
        _show_probe(found)
    sys.exit(0 if found.fit else 1)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _only_server() -> str:
    from teachers.vllm import registry

    found = registry.running()
    if len(found) != 1:
        said = ", ".join(record.base_url for record in found) or "no server of tagllm runs"
        raise click.UsageError(f"which one? Give --base-url; {said}")
    return found[0].base_url


def _say_ready(record: "ServerRecord", as_json: bool, *, detach: bool) -> None:
    if as_json:
        click.echo(record.model_dump_json())
        return
    click.echo(f"{record.served} is ready at {record.base_url}{'' if record.pictures else ' (text only)'}")
    click.echo(f"  use it    tagllm tag NOTES --teacher vllm --base-url {record.base_url} --model {record.served}")
    click.echo(f"  look      tagllm teacher status; tagllm teacher probe --base-url {record.base_url}")
    click.echo(f"  log       {record.log}")
    click.echo(f"  stop it   {f'tagllm teacher stop --port {record.port}' if detach else 'Ctrl-C'}")


def _as_dict(found: "Look") -> dict[str, Any]:
    metrics = found.metrics.model_dump() if found.metrics is not None else None
    return {**found.record.model_dump(mode="json"), "healthy": found.healthy, "metrics": metrics}


def _show(looks: "list[Look]") -> None:
    from rich.table import Table
    from rich.text import Text

    from tagllm.showing import console, printable

    table = Table()
    for name in ("port", "model", "state", "since", "pid", "running", "waiting", "cache", "restarts", "base URL"):
        table.add_column(name, overflow="fold")
    for record, healthy, metrics in looks:
        state = record.state if healthy or record.state != "ready" else "does not answer"
        load = ("", "", "")
        if metrics is not None:
            load = (f"{metrics.running:.0f}", f"{metrics.waiting:.0f}", f"{metrics.kv_cache_use:.0%}")
        table.add_row(
            str(record.port),
            Text(printable(record.served, 60)),
            Text(state, style="green" if state == "ready" else "yellow"),
            f"{record.started.astimezone():%Y-%m-%d %H:%M:%S}",
            str(record.owner.pid),
            *load,
            str(record.restarts),
            record.base_url,
        )
    console().print(table)


def _show_probe(found: "Probe") -> None:
    from rich.table import Table
    from rich.text import Text

    from tagllm.showing import console, printable

    said = {True: "yes", False: "no", None: "not asked"}
    rows = [
        ("listening", said[found.listening]),
        ("server", f"vLLM {found.version}" if found.version else "unknown"),
        ("models", ", ".join(found.models) or "none"),
        ("asked", found.model or "none"),
        ("longest prompt + answer", f"{found.max_tokens:,} tokens" if found.max_tokens else "unknown"),
        ("enforces JSON schemas", said[found.enforces_schema]),
        ("takes pictures", said[found.takes_pictures]),
        ("keeps pictures by uuid", said[found.keeps_pictures]),
    ]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in rows if found.listening else rows[:1]:
        table.add_row(name, Text(printable(value), style={"yes": "green", "no": "yellow"}.get(value, "")))
    console().print(table)
    for note in found.notes:
        click.echo(printable(note))
    verdict = "fit to be the teacher" if found.fit else f"unfit: {found.problem}"
    click.echo(f"{found.base_url}: {printable(verdict, 1000)}")
