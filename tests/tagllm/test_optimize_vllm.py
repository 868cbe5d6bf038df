"""DSPy's optimisers on a real vLLM server with the tiny model, whose words are nonsense: they end, and leave versions.

What they find is worth nothing; that every proposal, however broken, becomes words that can be used is what is shown.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import prompts
from prompts.contract import problems
from tagllm.cli import main
from teachers.vllm import ManagedServer
from tests import tiny_idefics3, vllm_server
from tests.signatures.optimizing.improvable import make_notes

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(vllm_server.why_not() is not None, reason=str(vllm_server.why_not())),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedServer]:
    folder = tmp_path_factory.mktemp("vllm")
    model = tiny_idefics3.build(folder / "model")
    options = ("--max-model-len", "8192", "--max-num-seqs", "16", "--seed", "0")
    small = {"VLLM_CPU_KVCACHE_SPACE": "1"}
    with ManagedServer(str(model), engine_options=options, log=folder / "log", env=small) as server:
        yield server


def test_every_optimiser_runs_to_its_end_and_leaves_a_valid_version(server: ManagedServer, tmp_path: Path) -> None:
    notes = tmp_path / "notes.jsonl"
    notes.write_text("".join(note.model_dump_json(exclude={"extra"}) + "\n" for note in make_notes(6)), "utf-8")
    for optimizer in ("bootstrap", "mipro", "gepa", "simba"):
        out = tmp_path / f"{optimizer}/tagging_fused/v2"
        asked = ["optimize", notes, "--optimizer", optimizer, "--graph", "fused", "--rounds", 1, "--out", out, "--json"]
        teacher = ["--teacher", "vllm", "--base-url", server.base_url, "--max-tokens", 100]
        done = CliRunner().invoke(main, [*map(str, (*asked, *teacher, "--budget-requests", 20))])
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        assert found["ended"] in ("finished", "budget")
        assert found["requests"] <= 20
        version = prompts.named(str(out))
        assert not list(problems(version))
        assert version.about["optimizer"] == optimizer
