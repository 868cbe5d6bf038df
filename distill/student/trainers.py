"""TRL's trainers, set up: what is learned, how it is logged, and nothing said on standard output."""

import importlib.metadata
from pathlib import Path
from typing import Any

from distill.student.base import Base, on_gpu, takes_bf16
from distill.student.config import StudentError, TrainingConfig
from distill.student.examples import Examples, Told
from distill.student.folder import CHECKPOINTS, LOGS, TRAINING

_POINTS = 400
"""Losses written down in a training, about."""


def require_libraries() -> None:
    """See that what training needs is installed.

    Raises:
        StudentError: it is not.
    """
    for name in ("trl", "peft", "datasets", "tensorboardX"):
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise StudentError(f"{name} is not installed: pip install 'tagllm[student]'") from None


def trainer_for(
    base: Base, train: Examples, held_out: Examples | None, config: TrainingConfig, out: Path, told: Told
) -> Any:
    """A trainer that learns the answers alone.

    Args:
        base: To be trained.
        train: Learned from.
        held_out: Looked at while it learns.
        config: Of the training.
        out: The student's folder.
        told: Progress.
    """
    from transformers.trainer_callback import PrinterCallback
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    arguments = _arguments(config, train, held_out, out)
    dataset = {
        "train_dataset": train.dataset,
        "eval_dataset": held_out.dataset if held_out is not None and held_out.rows else None,
    }
    common: dict[str, Any] = {
        "model": base.model,
        "processing_class": base.processor,
        "peft_config": _adapters(config),
        "callbacks": _callbacks(out, told),
    }
    if config.view == "preference":

        class Preferring(_Quiet, DPOTrainer):
            def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
                return dataset  # tokenised already, the answers apart from the question

        trainer = Preferring(args=DPOConfig(**arguments, beta=config.beta), **dataset, **common)
    else:

        class Answering(_Quiet, SFTTrainer):
            pass

        trainer = Answering(args=SFTConfig(**arguments, completion_only_loss=True), **dataset, **common)
    trainer.remove_callback(PrinterCallback)
    return trainer


class _Quiet:
    """Writes no model card: it would say less than student.json does."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Nothing."""


def _arguments(config: TrainingConfig, train: Examples, held_out: Examples | None, out: Path) -> dict[str, Any]:
    gpu = on_gpu()
    evaluates = held_out is not None and held_out.rows > 0
    return {
        "output_dir": str(out / TRAINING / CHECKPOINTS),
        "num_train_epochs": config.epochs or 1,
        "max_steps": config.max_steps or -1,
        "per_device_train_batch_size": config.batch,
        "per_device_eval_batch_size": config.batch,
        "gradient_accumulation_steps": config.accumulate,
        "learning_rate": config.rate,
        "warmup_steps": config.warmup,
        "lr_scheduler_type": config.schedule,
        "weight_decay": config.weight_decay,
        "max_length": None,  # too long ones were left out, and said: a cut answer would be a wrong one
        "bf16": takes_bf16(config),
        "fp16": False,
        "gradient_checkpointing": gpu if config.checkpointing is None else config.checkpointing,
        "eval_strategy": ("steps" if config.eval_every else "epoch") if evaluates else "no",
        "eval_steps": config.eval_every,
        "save_strategy": "steps" if config.save_every else "epoch",
        "save_steps": config.save_every or 500,
        "save_total_limit": config.keep,
        "logging_strategy": "steps",
        "logging_steps": max(1, steps_of(config, train.rows) // _POINTS),
        "train_sampling_strategy": "group_by_length" if config.by_length else "random",
        "seed": config.seed,
        "dataloader_num_workers": config.workers,
        "dataloader_pin_memory": gpu,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not gpu,
    }


def steps_of(config: TrainingConfig, rows: int) -> int:
    """Steps of a training on one device."""
    batches = -(-rows // config.batch)
    steps = max(1, -(-batches // config.accumulate))
    return min(filter(None, (config.max_steps, round(steps * config.epochs))), default=0)


def _adapters(config: TrainingConfig) -> Any:
    if not config.lora:
        return None
    from peft import LoraConfig

    alpha = config.lora_alpha if config.lora_alpha is not None else 2 * config.lora
    excluded = r".*(vision_model|vision_tower|visual)\..*" if config.freeze_vision else None
    return LoraConfig(
        r=config.lora,
        lora_alpha=alpha,  # pyright: ignore[reportArgumentType] - peft takes any number
        target_modules="all-linear",
        exclude_modules=excluded,
        task_type="CAUSAL_LM",
    )


def _callbacks(out: Path, told: Told) -> list[Any]:
    from tensorboardX import SummaryWriter
    from transformers import TrainerCallback
    from transformers.integrations.integration_utils import TensorBoardCallback

    class Telling(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            told("training", state.global_step, state.max_steps)

        def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            told("training, looking at the held-out split", state.global_step, state.max_steps)

    return [Telling(), TensorBoardCallback(SummaryWriter(str(out / TRAINING / LOGS)))]
