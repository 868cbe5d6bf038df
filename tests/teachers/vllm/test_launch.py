"""How vLLM is started: our options, below what the user passes through."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from teachers.vllm import launch as module
from teachers.vllm.launch import Launch, ServerError, find_device, launch


def started(*engine_options: str, model: str = "org/name", **options: object) -> Launch:
    return launch(model, 8123, device="cpu", engine_options=engine_options, **options)  # pyright: ignore[reportArgumentType]


def values(command: list[str], name: str) -> list[str]:
    return [following for word, following in zip(command, [*command[1:], ""], strict=True) if word == name]


def test_the_server_listens_on_the_loopback_with_what_the_graph_needs(tmp_path: Path) -> None:
    command = started(media_root=tmp_path).command
    assert values(command, "--host") == ["127.0.0.1"]
    assert values(command, "--port") == ["8123"]
    assert "--enable-prefix-caching" in command
    guided = json.loads(values(command, "--structured-outputs-config")[0])
    assert guided == {"backend": "xgrammar", "disable_any_whitespace": True}
    assert json.loads(values(command, "--limit-mm-per-prompt")[0]) == {"image": 8}
    assert values(command, "--allowed-local-media-path") == [str(tmp_path.resolve())]
    assert "--enforce-eager" in command


def test_without_a_media_root_no_local_file_may_be_named() -> None:
    assert "--allowed-local-media-path" not in started().command


def test_a_gpu_compiles_and_sizes_its_own_cache() -> None:
    start = launch("org/name", 1, device="cuda")
    assert "--enforce-eager" not in start.command
    assert start.env.get("VLLM_CPU_KVCACHE_SPACE") == os.environ.get("VLLM_CPU_KVCACHE_SPACE")


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        (("--limit-mm-per-prompt", '{"image": 2}'), "--limit-mm-per-prompt"),
        (('--limit_mm_per_prompt={"image": 2}',), "--limit-mm-per-prompt"),
        (("--limit-mm-per-prompt.image", "2"), "--limit-mm-per-prompt"),
        (("--no-enable-prefix-caching",), "--enable-prefix-caching"),
        (("--enforce-eager",), "--enforce-eager"),
        (("--structured-outputs-config.backend", "guidance"), "--structured-outputs-config"),
        (("--served-model-name", "teacher"), "--served-model-name"),
    ],
)
def test_what_is_passed_through_is_given_once_and_wins(given: tuple[str, ...], ours: str) -> None:
    command = started(*given).command
    assert command[-len(given) :] == list(given)
    assert ours not in command[: -len(given)]


@pytest.mark.parametrize("option", ["--port", "--host=0.0.0.0", "--model", "--uds", "--ssl_keyfile"])
def test_what_tagllm_decides_is_not_passed_through(option: str) -> None:
    with pytest.raises(ServerError, match=f"{option.split('=')[0]} cannot be passed through"):
        started(option, "x")


def test_a_folder_is_served_under_its_name_and_never_looks_outside(tmp_path: Path) -> None:
    (tmp_path / "my-vlm").mkdir()
    start = started(model=str(tmp_path / "my-vlm"))
    assert start.served == "my-vlm"
    assert values(start.command, "--model") == [str((tmp_path / "my-vlm").resolve())]
    assert start.env["HF_HUB_OFFLINE"] == "1"
    assert started().served == "org/name"


def test_the_served_name_and_the_key_are_read_from_what_is_passed_through() -> None:
    start = started("--served-model-name", "teacher", "--api-key=secret")
    assert (start.served, start.api_key) == ("teacher", "secret")


def test_a_folder_that_does_not_exist_is_said_before_anything_is_started() -> None:
    with pytest.raises(ServerError, match=r"no model folder \./gone"):
        started(model="./gone")


def test_nothing_is_reported_to_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DO_NOT_TRACK", "0")
    env = started().env
    assert (env["VLLM_NO_USAGE_STATS"], env["DO_NOT_TRACK"], env["VLLM_HOST_IP"]) == ("1", "1", "127.0.0.1")


def test_the_cache_on_a_cpu_has_a_size_unless_one_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    assert 1 <= int(started().env["VLLM_CPU_KVCACHE_SPACE"]) <= 16
    assert started(env={"VLLM_CPU_KVCACHE_SPACE": "3"}).env["VLLM_CPU_KVCACHE_SPACE"] == "3"
    # The variable would win over the option.
    assert "VLLM_CPU_KVCACHE_SPACE" not in started("--kv-cache-memory-bytes", "1G").env
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "2")
    assert started().env["VLLM_CPU_KVCACHE_SPACE"] == "2"


@pytest.mark.parametrize(("memory", "cache"), [(2, 1), (16, 4), (23, 5), (512, 16)])
def test_the_cache_takes_a_quarter_of_the_memory_within_limits(memory: int, cache: int) -> None:
    assert module._cache_gib(memory << 30) == cache


@pytest.mark.parametrize(
    ("installed", "device"),
    [({"vllm-cpu": "0.32.0"}, "cpu"), ({"vllm": "0.32.0+cpu"}, "cpu")],
)
def test_the_installed_build_says_where_it_computes(
    monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], device: str
) -> None:
    monkeypatch.setattr(module, "_version", installed.get)
    assert find_device() == device


def test_the_gpu_build_computes_on_the_gpu_torch_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(module, "_version", {"vllm": "0.32.0"}.get)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert find_device() == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ServerError, match=r"GPU build, but torch .* sees no GPU"):
        find_device()


def test_without_vllm_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_version", {}.get)
    with pytest.raises(ServerError, match=r"pip install 'tagllm\[vllm\]'"):
        find_device()


def test_a_server_keeps_its_log_whatever_was_imported_before() -> None:
    """TRL sets vLLM's level to ERROR for its whole process where nobody else has said one."""
    code = "import teachers.vllm.launch as launch, trl, trl.data_utils; "
    code += "print(launch.environment('cpu', local=True)['VLLM_LOGGING_LEVEL'])"
    environment = {name: value for name, value in os.environ.items() if name != "VLLM_LOGGING_LEVEL"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["INFO"], done.stderr
