"""Ports: finding a free one, and saying who has one that is taken."""

import contextlib
import socket
from datetime import UTC, datetime
from typing import NamedTuple

from teachers.vllm import registry
from teachers.vllm.launch import ServerError

_COMMAND_LENGTH = 120


class PortHeld(ServerError):
    """The port is taken; the message says by whom, since when, and the way out."""


class Holder(NamedTuple):
    """A process that listens on a port."""

    pid: int
    command: str
    started: datetime


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody has, and none of our servers is about to open."""
    claimed = {record.port for record in registry.running()}
    while True:
        with socket.socket() as probe:
            probe.bind((host, 0))
            port = int(probe.getsockname()[1])
        if port not in claimed:
            return port


def refuse_held(port: int, host: str = "127.0.0.1") -> None:
    """Return when the port can be had.

    Raises:
        PortHeld: it cannot.
    """
    ours = next((record for record in registry.running() if record.port == port), None)
    if ours is not None:
        raise held_by(ours)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what a closed server leaves behind is no holder
        try:
            probe.bind((host, port))
        except OSError as error:
            found = holder(port)
            who = (
                f"held by pid {found.pid} ({found.command}) since {found.started.astimezone():%Y-%m-%d %H:%M:%S}; "
                "it was not started by tagllm. Stop it"
                if found is not None
                else f"not to be had ({error.strerror}), by a process that cannot be seen from here. Stop that"
            )
            raise PortHeld(f"port {port} is {who}, or choose another --port") from None


def held_by(record: registry.ServerRecord) -> PortHeld:
    """The message for a port of ours."""
    return PortHeld(
        f"port {record.port} is held by {record}. Use it with --base-url {record.base_url}, stop it with "
        f"`tagllm teacher stop --port {record.port}`, or choose another --port"
    )


def holder(port: int) -> Holder | None:
    """Who listens on `port` of this machine; None where nobody does, or it is hidden from this user."""
    import psutil

    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.laddr or connection.laddr[1] != port:
                continue
            if connection.pid:
                process = psutil.Process(connection.pid)
                words = " ".join(process.cmdline()) or process.name()
                command = words if len(words) <= _COMMAND_LENGTH else f"{words[: _COMMAND_LENGTH - 1]}…"
                return Holder(connection.pid, command, datetime.fromtimestamp(process.create_time(), UTC))
    return None
