"""The whole chain on real parts: notes with pictures → run → corpus → a student that TRL trains → real vLLM → measured.

Only the pictures tell the notes' tags apart, so a student that gets them right has seen.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import dspy
import pytest

from distill.runs import read_traces
from distill.student import StudentSummary, TrainingConfig, train
from distill.student.base import open_base
from distill.student.rendering import Renderer
from notes import Note
from notes.pictures import PictureStore
from notes.records import Trace
from signatures.student import StudentForm
from tagllm.student_evaluating import Evaluated, Notes, run_student_eval
from tagllm.teaching import TeacherChoice
from teachers.vllm import ManagedServer
from teachers.vllm.calls import Caller
from tests import vllm_server
from tests.distill.student import made

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(vllm_server.why_not() is not None, reason=str(vllm_server.why_not())),
]
LEARNED, HELD_OUT = 300, 24
STEPS = 150
LEARNED_LOSS = 0.02
"""Nats a token on notes it did not learn from; guessing the kind of picture costs twice as much. A model this small
learns to look all at once, now and then later than others: then another start is tried."""


class Chain(NamedTuple):
    """What the chain made, on the way."""

    folder: Path
    corpus: Path
    words: str
    student: Path
    summary: StudentSummary
    server: ManagedServer
    held_out: Path
    teacher: Path
    """Its run over the held-out notes."""

    def asked(self, notes: Path, out: str, *, against: Path | None = None) -> Evaluated:
        choice = TeacherChoice(
            name="vllm",
            model=str(self.student),
            base_urls=(self.server.base_url,),
            student=True,
            cached=False,
            max_tokens=200,
        )
        return run_student_eval(
            self.student, Notes(path=notes), against=against, out=self.folder / out, teacher=choice, resamples=200
        )


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small matrices: a second thread waits more than it helps where others work too."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def learned(corpus: Path, base: Path, folder: Path) -> tuple[Path, StudentSummary]:
    """A student that has learned to look."""
    for seed in range(3):
        config = TrainingConfig(max_steps=STEPS, learning_rate=3e-3, eval_every=75, save_every=75, seed=seed)
        summary = train(corpus, str(base), folder / f"student-{seed}", config)
        if summary.held_out_loss is not None and summary.held_out_loss < LEARNED_LOSS:
            return folder / f"student-{seed}", summary
    raise AssertionError("no start led to a student that looks")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Iterator[Chain]:
    folder = tmp_path_factory.mktemp("chain")
    notes, _ = made.pictured_notes(folder / "notes", LEARNED)
    held_out, _ = made.pictured_notes(folder / "notes", HELD_OUT, first=1000)
    words = made.words(folder)
    corpus = made.corpus_of([made.run_over(notes, folder / "run")], folder / "corpus", views=("tags",), words=words)
    base = made.base(folder / "base", words)
    student, summary = learned(corpus, base, folder)
    teacher = made.run_over(held_out, folder / "teacher")
    options = ("--max-model-len", "2048", "--max-num-seqs", "16")
    with ManagedServer(
        str(student), engine_options=options, log=folder / "log", env={"VLLM_CPU_KVCACHE_SPACE": "1"}
    ) as server:
        yield Chain(folder, corpus, words, student, summary, server, held_out, teacher)


def tags_of(run: Path) -> dict[str, list[str]]:
    return {trace.note_id: [tag.tag for tag in trace.tags] for trace in read_traces(run)}


def right(found: dict[str, list[str]], notes: list[Note]) -> float:
    """Share of the tags that are those of the note's own picture, and only those."""
    wanted = {note.id: set(made.tags_of(note)) for note in notes}
    hits = sum(len(wanted[id] & set(tags)) for id, tags in found.items())
    return hits / max(sum(map(len, wanted.values())), sum(map(len, found.values())))


def test_the_student_tags_by_the_picture_alone_as_its_teacher_does(chain: Chain) -> None:
    found = chain.asked(chain.held_out, "held-out", against=chain.teacher)
    _, notes = made.pictured_notes(chain.folder / "notes", HELD_OUT, first=1000)
    assert right(tags_of(chain.teacher), notes) == 1.0
    assert right(tags_of(chain.folder / "held-out/run"), notes) >= 0.95
    comparison = found.comparison
    assert (comparison.notes, comparison.student_costs.failed) == (HELD_OUT, 0)
    assert comparison.student_costs.requests == HELD_OUT
    assert comparison.student_costs.valid == 100
    assert comparison.likeness is not None
    assert (comparison.likeness["F1@5"].value or 0) >= 95
    assert comparison.ratios is not None
    assert (comparison.ratios["requests"] or 0) >= 4  # describe, match or not, draft, dedupe, refine
    for trace in read_traces(chain.folder / "held-out/run"):
        assert all(tag.evidence[0].source == "picture" for tag in trace.tags)


def test_with_pictures_swapped_it_follows_the_picture(chain: Chain) -> None:
    swapped, notes = made.pictured_notes(chain.folder / "notes", HELD_OUT, first=1000, swapped=True)
    chain.asked(swapped, "swapped")
    first, second = (tags_of(chain.folder / f"{name}/run") for name in ("held-out", "swapped"))
    assert first.keys() == second.keys()
    assert not any(first[id] == second[id] for id in first)
    assert right(second, notes) >= 0.95


def test_it_was_trained_on_the_very_tokens_that_the_server_reads_and_writes(chain: Chain) -> None:
    """Prompt and answer, token by token: pictures, generation prompt, and nothing before the answer."""
    base = open_base(str(chain.student), TrainingConfig())
    renderer, form = Renderer(base), StudentForm(chain.words)
    trace = next(iter(read_traces(chain.folder / "held-out/run")))
    _, notes = made.pictured_notes(chain.folder / "notes", HELD_OUT, first=1000)
    note = next(note for note in notes if note.id == trace.note_id)
    picture = PictureStore(chain.held_out.parent).open(note.images[0])
    note = note.model_copy(update={"lang": trace.lang})
    messages = form.messages("tags", form.inputs(note, [dspy.Image(picture.data_url)]))
    body = {
        "model": chain.server.model,
        "messages": messages,
        "temperature": 0,
        "max_tokens": 200,
        "response_format": form.response_format("tags"),
        "return_token_ids": True,
    }
    caller = Caller(chain.server.base_url)
    reply = caller.chat(body, 60)
    caller.close()
    assert reply.status == 200, reply.error
    served = reply.json()
    answer = served["choices"][0]["message"]["content"]
    row = {"prompt": [_parts(message) for message in messages], "images": [picture.image]}
    row["completion"] = [{"role": "assistant", "content": [{"type": "text", "text": answer}]}]
    rendered = renderer.render(row)
    shown = base.processor(text=[rendered.prompt], images=[[picture.image]], add_special_tokens=False)
    assert served["prompt_token_ids"] == shown["input_ids"][0]
    written = served["choices"][0]["token_ids"]
    assert written in (renderer.tokens(rendered.answers[0]), renderer.tokens(answer))
    form.check("tags", answer)


def _parts(message: dict[str, Any]) -> dict[str, Any]:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    parts = [{"type": "text", "text": b["text"]} if b["type"] == "text" else {"type": "image"} for b in blocks]
    return {"role": message["role"], "content": parts}


def test_a_trace_of_the_student_is_like_any_other(chain: Chain) -> None:
    trace = next(iter(read_traces(chain.folder / "held-out/run")))
    assert isinstance(trace, Trace)
    assert (trace.teacher, trace.prompts) == ("student", "student/v1")
    assert trace.model_revision
    (sent,) = [step for step in trace.steps if step.request is not None and step.name != "retrieve"]
    assert sent.name == "draft"
    assert sent.prompt_tokens > 100
