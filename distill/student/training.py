"""Training a student: from a corpus and a base to a model's folder, whatever happens on the way."""

import contextlib
import importlib.metadata
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from distill.corpus import CorpusSummary, read_kept, read_summary
from distill.corpus.folder import MANIFEST, digest_of_file
from distill.runs.description import RunRefused, differences
from distill.runs.locking import Lock
from distill.student.base import Base, open_base
from distill.student.config import StudentError, StudentRefused, TrainingConfig
from distill.student.curve import draw, points_of
from distill.student.examples import Examples, Told, open_examples
from distill.student.folder import (
    CHECKPOINTS,
    CURVE,
    DESCRIPTION,
    LEARNED,
    LEFT_OUT,
    PLOT,
    STUDENT,
    TRAINING,
    Description,
    LearnedNote,
    StudentSummary,
    parsed,
    read_student,
)
from distill.student.rendering import Renderer
from distill.student.trainers import require_libraries, trainer_for
from notes.records import Record
from signatures.student import StudentStep
from teachers.weights import weights_digest

_LIBRARIES = ("tagllm", "torch", "transformers", "trl", "peft", "accelerate", "datasets")
_STEPS: Mapping[str, StudentStep] = {"tags": "tags", "preference": "tags", "cot": "cot"}
_CACHE = "cache"
_LOCK = "lock"
_MERGED = "merged"


def train(
    corpus: Path, base: str, out: Path, config: TrainingConfig | None = None, *, told: Told | None = None
) -> StudentSummary:
    """Train a student, or go on where a training ended; a student that is there is left as it is.

    Args:
        corpus: Folder of a corpus with the format `trl`.
        base: Folder of a model, or its name on the hub.
        out: The student's folder.
        config: How.
        told: Progress: what is done, how far, of how many.

    Raises:
        StudentRefused: `out` holds something else, or a training of something else.
        StudentError: the corpus or the base cannot be used, or nothing is left to learn from.
        distill.corpus.CorpusError: there is no corpus.
    """
    config, told = config or TrainingConfig(), told or (lambda *_: None)
    require_libraries()
    summary = read_summary(corpus)
    _refuse_empty(corpus, summary, config)
    description = Description(
        base=base,
        base_digest=weights_digest(base),
        corpus=str(corpus.resolve()),
        corpus_digest=digest_of_file(corpus / MANIFEST) if (corpus / MANIFEST).is_file() else "",
        config=config.as_json(),
    )
    if _is_done(out, description):
        return read_student(out)
    with _writing(out / TRAINING):
        _train(corpus, summary, base, out, config, description, told)
    return read_student(out)


@contextlib.contextmanager
def _writing(training: Path) -> Iterator[None]:
    """The folder of a training, held by this process, or by the first of those that train together.

    What was made in vain is removed.
    """
    training.mkdir(parents=True, exist_ok=True)
    file = training / _LOCK
    try:
        lock = Lock(file) if os.environ.get("RANK", "0") == "0" else None
    except RunRefused as error:
        raise StudentRefused(str(error)) from None
    try:
        yield
    finally:
        if lock is not None:
            file.unlink(missing_ok=True)
            lock.release()
        with contextlib.suppress(OSError):  # they are not empty: there is something to keep
            training.rmdir()
            training.parent.rmdir()


def _train(
    corpus: Path,
    summary: CorpusSummary,
    base: str,
    out: Path,
    config: TrainingConfig,
    description: Description,
    told: Told,
) -> None:
    from transformers.utils import logging

    logging.disable_progress_bar()
    training = out / TRAINING
    opened = open_base(base, config)
    cache = training / _CACHE / str(os.getpid())
    cache.mkdir(parents=True)
    try:
        told("reading the corpus", 0, 1)
        learned = open_examples(corpus, summary, "train", opened, config, cache, told)
        held_out = open_examples(corpus, summary, "validation", opened, config, cache, told)
        if learned is None or not learned.rows:
            raise StudentError(_nothing_left(corpus, config, opened, learned))
        (training / DESCRIPTION).write_bytes(description.model_dump_json(indent=1).encode())
        trainer = trainer_for(opened, learned, held_out, config, out, told)
        started = time.monotonic()
        trainer.train(resume_from_checkpoint=_last_checkpoint(training / CHECKPOINTS))
        seconds = time.monotonic() - started
        told("writing the student", 1, 1)
        held_out_loss = _held_out_loss(trainer, held_out)
        if trainer.is_world_process_zero():
            weights = _weights(trainer.model)
            _write_model(trainer, opened, out)
            result = _summary(
                description, summary, config, opened, learned, held_out, trainer, held_out_loss, seconds, weights
            )
            _write_records(out, corpus, (learned, held_out), trainer, result)
            shutil.rmtree(training / CHECKPOINTS, ignore_errors=True)
        trainer.accelerator.wait_for_everyone()
    finally:
        shutil.rmtree(cache, ignore_errors=True)
        with contextlib.suppress(OSError):  # others train with us, or were killed
            cache.parent.rmdir()


def _refuse_empty(corpus: Path, summary: CorpusSummary, config: TrainingConfig) -> None:
    if config.view not in summary.rows:
        views = ", ".join(view for view in summary.rows if view != "prompts")
        raise StudentError(f"{corpus} has no view {config.view}; it has {views}: choose one with --view")
    if "trl" not in summary.policy.formats:
        raise StudentError(f"{corpus} was not written for TRL; build it again, with trl among its --formats")
    if not summary.rows[config.view]["train"]:
        raise StudentError(f"{corpus}: the view {config.view} has no example in its train split; tag more notes")


def _nothing_left(corpus: Path, config: TrainingConfig, base: Base, learned: Examples | None) -> str:
    shortest = min((left.tokens for left in learned.left_out), default=0) if learned is not None else 0
    limit = min(filter(None, (config.max_length, base.context)))
    return (
        f"every example of {corpus} has more than {limit:,} tokens, the shortest {shortest:,}; raise --max-length, "
        "choose a base that reads more, or build the corpus with a smaller --max-chars or --max-side"
    )


def _is_done(out: Path, description: Description) -> bool:
    """Whether the student is there; a folder that holds something else is refused."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not out.is_dir():
        raise StudentRefused(f"{out} is a file; name a folder for the student")
    if (out / STUDENT).is_file():
        known = read_student(out).made_of
    elif (file := out / TRAINING / DESCRIPTION).is_file():
        if not any((out / TRAINING / CHECKPOINTS).glob("checkpoint-*")):
            return False  # nothing was learned yet
        known = parsed(file.read_bytes(), Description, str(file))
    elif [file.name for file in out.iterdir()] == [TRAINING]:
        return False  # killed before anything was learned
    else:
        raise StudentRefused(f"{out} holds other files and no student; name a new folder")
    changed = differences(known.model_dump(mode="json"), description.model_dump(mode="json"))
    if changed:
        raise StudentRefused(
            f"{out} holds a student made otherwise ({'; '.join(changed[:5])}); name a new folder, or remove that one"
        )
    return (out / STUDENT).is_file()


def _last_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint; its state is written last, so one without it was torn off, and is removed."""
    found: dict[int, Path] = {}
    for one in folder.glob("checkpoint-*"):
        state = one / "trainer_state.json"
        try:
            found[int(orjson.loads(state.read_bytes())["global_step"])] = one
        except (OSError, ValueError, LookupError, TypeError):
            shutil.rmtree(one, ignore_errors=True)
    return str(found[max(found)]) if found else None


def _held_out_loss(trainer: Any, held_out: Examples | None) -> float | None:
    if held_out is None or not held_out.rows:
        return None
    last = next((entry for entry in reversed(trainer.state.log_history) if "eval_loss" in entry), None)
    if last is None or last["step"] != trainer.state.global_step:
        return float(trainer.evaluate()["eval_loss"])
    return float(last["eval_loss"])


def _weights(model: Any) -> tuple[int, int]:
    """Parameters, and those that are trained."""
    parameters = list(model.parameters())
    return sum(one.numel() for one in parameters), sum(one.numel() for one in parameters if one.requires_grad)


def _write_model(trainer: Any, base: Base, out: Path) -> None:
    """The model with adapters merged, in its base's own precision; config.json comes last."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    merged = out / TRAINING / _MERGED
    shutil.rmtree(merged, ignore_errors=True)
    model.to(base.dtype).save_pretrained(merged)
    base.processor.save_pretrained(merged)
    for file in sorted(merged.iterdir(), key=lambda file: file.name == "config.json"):
        file.replace(out / file.name)
    merged.rmdir()


def _summary(
    description: Description,
    corpus: CorpusSummary,
    config: TrainingConfig,
    base: Base,
    learned: Examples,
    held_out: Examples | None,
    trainer: Any,
    held_out_loss: float | None,
    seconds: float,
    weights: tuple[int, int],
) -> StudentSummary:
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    others = held_out.left_out if held_out is not None else ()
    limits = corpus.runs[0].limits if corpus.runs else {}
    return StudentSummary(
        made_of=description,
        step=_STEPS.get(config.view),
        words=corpus.policy.words,
        words_digest=corpus.words,
        limits=limits,
        max_side=corpus.pictures.max_side if corpus.pictures is not None else None,
        ending=Renderer(base).ending,
        examples={"train": learned.rows, "validation": held_out.rows if held_out is not None else 0},
        left_out=len(learned.left_out) + len(others),
        steps=trainer.state.global_step,
        tokens=int(getattr(trainer, "_total_train_tokens", 0)),
        loss=round(float(losses[-1]), 6) if losses else None,
        held_out_loss=round(held_out_loss, 6) if held_out_loss is not None else None,
        seconds=round(seconds, 3),
        weights=weights[0],
        trained_weights=weights[1],
        versions={name: _version(name) for name in _LIBRARIES},
    )


def _write_records(
    out: Path, corpus: Path, splits: tuple[Examples | None, ...], trainer: Any, result: StudentSummary
) -> None:
    """Everything beside the model; student.json comes last."""
    points = points_of(trainer.state.log_history)
    _write_lines(out / CURVE, points)
    (out / PLOT).write_text(draw(points), "utf-8")
    left_out = (left for examples in splits if examples is not None for left in examples.left_out)
    (out / LEFT_OUT).write_bytes(b"".join(orjson.dumps(left._asdict()) + b"\n" for left in left_out))
    learned = (LearnedNote(id=n.note_id, digest=n.note_digest, split=n.split) for n in read_kept(corpus))
    _write_lines(out / LEARNED, learned)
    part = out / f".{STUDENT}"
    part.write_text(result.model_dump_json(indent=1), "utf-8")
    part.replace(out / STUDENT)


def _write_lines(file: Path, records: Iterable[Record]) -> None:
    with file.open("wb") as lines:
        for record in records:
            lines.write(record.model_dump_json(exclude_none=True).encode() + b"\n")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
