"""Serve a model folder with a real vLLM, for the length of a `with` block.

    with serve(folder, log=tmp / "vllm.log") as base_url:
        ...  # POST base_url + "/chat/completions"

The server listens on the loopback only, downloads nothing, reports nothing,
and is gone, with every process it started, when the block ends.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NAME = "tiny-idefics3"
START_LIMIT = 180.0  # seconds
STOP_LIMIT = 10.0
_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB, the least; room for a million tokens of a tiny model
    "VLLM_HOST_IP": "127.0.0.1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
}
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIAQAAAADsdIMmAAAADElEQVR42mNYxYACASqQBVHvL7SwAAAAAElFTkSuQmCC"


def why_not() -> str | None:
    """Why vLLM cannot run here, or None when it can."""
    missing = [name for name in ("vllm", "torch", "transformers") if importlib.util.find_spec(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


@contextmanager
def serve(model: Path, *, log: Path, port: int | None = None, media_root: Path | None = None) -> Iterator[str]:
    """Start vLLM on `model` and yield its base URL, "http://127.0.0.1:PORT/v1".

    The model is served as NAME.  What the server prints goes to `log`.  Pictures
    named by file:// URLs are read below `media_root`, and not at all without it.
    """
    port = port or _free_port()
    guided = {"backend": "xgrammar", "disable_any_whitespace": True}
    # `-m`, for the `vllm` script looks up the metadata of a package named vllm, and vllm-cpu is not.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    command += ["--served-model-name", NAME, "--host", "127.0.0.1", "--port", str(port), "--seed", "0"]
    command += ["--enforce-eager", "--enable-prefix-caching", "--max-model-len", "8192", "--max-num-seqs", "16"]
    command += ["--limit-mm-per-prompt", '{"image": 4}', "--structured-outputs-config", json.dumps(guided)]
    if media_root is not None:
        command += ["--allowed-local-media-path", str(media_root)]
    scratch = tempfile.TemporaryDirectory(prefix="vllm-", ignore_cleanup_errors=True)  # it leaves sockets behind
    environment = {**os.environ, **_ENVIRONMENT, "TMPDIR": scratch.name}
    with log.open("wb") as out:  # a session, hence a process group, of its own: killed as a whole
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, start_new_session=True
        )
    try:
        base_url = f"http://127.0.0.1:{port}/v1"
        _wait_until_ready(base_url, process, log)
        yield base_url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_LIMIT)
        with suppress(ProcessLookupError):  # whatever is left of the group
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        scratch.cleanup()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(base_url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once a chat completion with a picture has been answered."""
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PNG}"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hello"}, picture]}]
    body = json.dumps({"model": NAME, "messages": messages, "max_tokens": 1}).encode()
    request = urllib.request.Request(f"{base_url}/chat/completions", body, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the loopback needs no proxy
    deadline = time.monotonic() + START_LIMIT
    why = f"not ready after {START_LIMIT:.0f} s"
    while (left := deadline - time.monotonic()) > 0:
        if process.poll() is not None:
            why = f"ended with status {process.returncode}"
            break
        try:
            return opener.open(request, timeout=left).close()
        except urllib.error.HTTPError as error:
            why = f"answered {error.code}: {error.read(500)!r}"
            break
        except OSError:  # not listening yet
            time.sleep(0.25)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
    raise RuntimeError(f"vLLM {why}\n{tail}")
