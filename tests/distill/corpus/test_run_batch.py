"""`vllm run-batch` takes the batch file of a hostile corpus: every request is answered, within the student's schema.

Starting an engine for it takes most of a minute: that is done where TAGLLM_RUN_BATCH is set. What the engine is told is
always looked at, by vLLM's own code.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from notes import Note
from signatures.student import StudentForm
from tests import tiny_idefics3, vllm_server
from tests.distill.corpus.made import built, hostile_run

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(vllm_server.why_not() is not None, reason=str(vllm_server.why_not())),
]


def _rows(folder: Path) -> list[str]:
    corpus, _ = built(folder, hostile_run(folder), views=("prompts",), formats=("batch",), model="student")
    return [row for file in sorted((corpus / "batch").glob("*.jsonl")) for row in file.read_text("utf-8").splitlines()]


_READ = """
import sys
from vllm.entrypoints.launchers.run_batch import BatchRequestInput
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
rows = [BatchRequestInput.model_validate_json(row) for row in open(sys.argv[1], encoding="utf-8")]
print(len(rows), len({row.custom_id for row in rows}), all(type(row.body) is ChatCompletionRequest for row in rows))
"""


def test_every_request_of_a_batch_file_is_one_to_vllm(tmp_path: Path) -> None:
    file = tmp_path / "batch.jsonl"
    file.write_text("".join(f"{row}\n" for row in _rows(tmp_path)), "utf-8")
    done = subprocess.run([sys.executable, "-c", _READ, file], capture_output=True, text=True)
    assert done.stdout.split()[-3:] == ["9", "9", "True"], done.stderr[-2000:]


@pytest.mark.skipif("TAGLLM_RUN_BATCH" not in os.environ, reason="starts an engine: set TAGLLM_RUN_BATCH")
def test_every_request_of_a_batch_file_is_answered_in_form(tmp_path: Path) -> None:
    model = tiny_idefics3.build(tmp_path / "model", sentences=_words())
    rows = _rows(tmp_path)
    (tmp_path / "batch.jsonl").write_text("".join(f"{row}\n" for row in rows), "utf-8")
    guided = json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})
    words = ["-i", tmp_path / "batch.jsonl", "-o", tmp_path / "answers.jsonl", "--model", model]
    words += ["--served-model-name", "student", "--enforce-eager", "--structured-outputs-config", guided]
    words += ["--limit-mm-per-prompt", '{"image": 8}', "--max-num-seqs", "16"]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.run_batch", *map(str, words)]
    quiet = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    done = subprocess.run(command, env={**os.environ, **quiet}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    answers = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text("utf-8").splitlines()]
    assert sorted(one["custom_id"] for one in answers) == sorted(json.loads(row)["custom_id"] for row in rows)
    form, whole = StudentForm(), 0
    for one in answers:
        assert one["error"] is None, one
        assert one["response"]["status_code"] == 200, one
        (choice,) = one["response"]["body"]["choices"]
        if choice["finish_reason"] == "stop":  # nonsense may run to its limit of tokens; else it is in form
            form.check("tags", choice["message"]["content"])
            whole += 1
    assert len(answers) == 9
    assert whole


def _words() -> list[str]:
    """What is asked, so that a note of fifty thousand characters fits into the tiny model."""
    form = StudentForm()
    asked = form.messages("tags", form.inputs(Note(id="1", title="a", content="An endless walk along the quay. "), []))
    return [*(str(message["content"]) for message in asked), *tiny_idefics3.CORPUS]
