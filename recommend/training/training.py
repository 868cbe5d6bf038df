"""Training a model: from pairs and a base to a folder that embeds and writes, whatever happens on the way."""

import contextlib
import importlib.metadata
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

import prompts
from recommend.model.base import Base, base_digest, open_base, quiet, require_room
from recommend.model.folder import (
    BASE,
    CHECKPOINTS,
    CURVE,
    DESCRIPTION,
    HEAD,
    MODEL,
    TRAINING,
    Description,
    Method,
    ModelSummary,
    parsed,
    read_model,
)
from recommend.model.notellm import FORMS
from recommend.model.words import OUTPUT, Prompter
from recommend.records import RecommendError
from recommend.training.config import TrainingConfig
from recommend.training.examples import Examples
from recommend.training.preparing import network_for, viewer_for
from recommend.training.starting import NOTES, start_head
from recommend.training.trainer import Told, require_libraries, takes_bf16, trainer_for

_LIBRARIES = ("tagllm", "torch", "transformers", "accelerate", "peft")
_LAST = 10
"""Points the losses of the summary are a mean of."""


def train(
    examples: Examples,
    base: str,
    out: Path,
    config: TrainingConfig | None = None,
    *,
    method: Method = "notellm",
    words: str | None = None,
    told: Told | None = None,
) -> ModelSummary:
    """Train a model, or go on where a training ended; a model that is there is left as it is.

    Args:
        examples: Pairs, what is to be written, and where the pictures are that are shown.
        base: `minilm`, a folder of a causal or a vision-language model, or its name on the hub.
        out: The model's folder.
        config: How.
        method: What is learned.
        words: Version of the prompts; by default the latest.
        told: Progress.

    Raises:
        RecommendError: the base cannot be used, `out` holds something else, or a training of something else, or
            pictures are asked for that the base or the notes do not have.
        prompts.PromptError: the words cannot be used.
    """
    config, told = config or TrainingConfig(), told or (lambda *_: None)
    require_libraries(config)
    program = prompts.named(words or prompts.default("compression"))
    description = Description(
        method=method,
        base=base,
        base_digest=base_digest(base),
        words=program.id,
        words_digest=program.digest,
        data=examples.digest,
        config=config.as_json(),
    )
    if _is_done(out, description):
        return read_model(out)
    import torch

    torch.manual_seed(config.seed)
    opened = open_base(base)
    viewer = viewer_for(examples, opened, config)
    prompter = Prompter(opened.tokenizer, program, note_tokens=config.note_tokens, viewer=viewer)
    require_room(opened, prompter.longest(config.max_hashtags) + (OUTPUT if method == "notellm" else 0))
    net = network_for(opened, config, method, viewer)
    checkpoint = _last_checkpoint(out / TRAINING / CHECKPOINTS)
    if checkpoint is None:
        told("starting from what the base knows", 0, 1)
        _start(net, examples, prompter, opened, config, method)
    (out / TRAINING).mkdir(parents=True, exist_ok=True)
    (out / TRAINING / DESCRIPTION).write_text(description.model_dump_json(indent=1), "utf-8")
    with quiet():
        trainer = trainer_for(net, examples, prompter, opened.tokenizer.pad_token_id, method, config, out, told)
        started = time.monotonic()
        trainer.train(resume_from_checkpoint=checkpoint)
    if trainer.is_world_process_zero():
        told("writing the model", 1, 1)
        weights = list(net.parameters())
        summary = ModelSummary(
            made_of=description,
            dimension=config.dimension,
            note_tokens=config.note_tokens,
            pictures=config.pictures,
            fusion=config.fusion,
            hashtags=min(examples.usual, config.max_hashtags),
            pairs=len(examples.pairs),
            left_out=examples.left_out,
            notes=len(examples.notes),
            cold=examples.cold,
            refused=len(examples.pictures.refused) if viewer is not None and examples.pictures is not None else 0,
            steps=trainer.state.global_step,
            loss=_losses(trainer.state.log_history, method),
            temperature=round(float(net.temperature.detach()), 6),
            seconds=round(time.monotonic() - started, 3),
            weights=sum(one.numel() for one in weights),
            trained_weights=sum(one.numel() for one in weights if one.requires_grad),
            versions={name: _version(name) for name in _LIBRARIES},
        )
        _write(net, opened, trainer, summary, out)
    trainer.accelerator.wait_for_everyone()
    return read_model(out)


def _start(
    net: Any, examples: Examples, prompter: Prompter, base: Base, config: TrainingConfig, method: Method
) -> None:
    import torch

    chosen = sorted(np.random.default_rng(config.seed).permutation(len(examples.notes))[:NOTES].tolist())
    place = {note: row for row, note in enumerate(chosen)}
    device = net.temperature.device.type
    with torch.autocast(device, torch.bfloat16, enabled=takes_bf16(config)):
        start_head(
            net,
            prompter.prompts([examples.notes[one] for one in chosen], FORMS[method]),
            base.tokenizer.pad_token_id,
            [(place[one], place[other]) for one, other in examples.pairs if one in place and other in place],
            examples.added(config.popularity)[chosen].tolist(),
            steps=config.head_steps,
            seed=config.seed,
        )


def _is_done(out: Path, description: Description) -> bool:
    """Whether the model is there; a folder that holds something else is refused."""
    if out.is_file():
        raise RecommendError(f"{out} is a file; name a folder for the model")
    if not out.exists() or not any(out.iterdir()):
        return False
    done = (out / MODEL).is_file()
    if done:
        known = read_model(out).made_of
    elif (file := out / TRAINING / DESCRIPTION).is_file():
        if _last_checkpoint(out / TRAINING / CHECKPOINTS) is None:
            return False  # nothing was learned yet
        known = parsed(file, Description)
    else:
        raise RecommendError(f"{out} holds other files and no model; name a new folder")
    changed = _differences(known, description)
    if changed:
        raise RecommendError(
            f"{out} holds a model made otherwise ({'; '.join(changed[:4])}); name a new folder, or remove that one"
        )
    return done


def _differences(known: Description, wanted: Description) -> list[str]:
    """What differs; a setting that came later than a model stands at its default there."""
    default = TrainingConfig().as_json()
    before, now = ({**one.model_dump(exclude={"config"}), **default, **one.config} for one in (known, wanted))
    return [f"{name}: {before.get(name)} there, {now.get(name)} now" for name in now if before.get(name) != now[name]]


def _last_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint; its state is written last, so one without it was torn off, and is removed."""
    found: dict[int, Path] = {}
    for one in folder.glob("checkpoint-*"):
        try:
            found[int(json.loads((one / "trainer_state.json").read_bytes())["global_step"])] = one
        except (OSError, ValueError, LookupError, TypeError):
            shutil.rmtree(one, ignore_errors=True)
    return str(found[max(found)]) if found else None


def _losses(log: list[dict[str, float]], method: Method) -> dict[str, float]:
    names = {"loss": "L", "contrastive": "L_cl"} | ({"generative": "L_gen"} if method == "notellm" else {})
    last = [entry for entry in log if "loss" in entry][-_LAST:]
    return {said: round(sum(entry[name] for entry in last) / len(last), 6) for name, said in names.items() if last}


def _write(net: Any, base: Base, trainer: Any, summary: ModelSummary, out: Path) -> None:
    """The model with adapters merged; model.json comes last."""
    from safetensors.torch import save_file

    model = net.base.merge_and_unload() if summary.made_of.config["lora"] else net.base
    with quiet():
        model.save_pretrained(out / BASE)
        (base.processor or base.tokenizer).save_pretrained(out / BASE)
    head = {"weight": net.head.weight.detach().cpu().contiguous(), "temperature": net.temperature.detach().cpu()}
    if net.fusion is not None:
        learned = net.fusion.state_dict()
        head |= {f"fusion.{name}": weight.detach().cpu().contiguous() for name, weight in learned.items()}
    save_file(head, out / HEAD)
    kept = ("step", "loss", "contrastive", "generative", "learning_rate")
    points = ({name: one[name] for name in kept if name in one} for one in trainer.state.log_history if "loss" in one)
    (out / CURVE).write_text("".join(json.dumps(point) + "\n" for point in points), "utf-8")
    part = out / f".{MODEL}"
    part.write_text(summary.model_dump_json(indent=1), "utf-8")
    part.replace(out / MODEL)
    shutil.rmtree(out / TRAINING, ignore_errors=True)


def _version(name: str) -> str:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return ""
