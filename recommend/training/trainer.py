"""transformers' Trainer, set up: what a batch is, what is logged, what a checkpoint holds."""

import importlib.metadata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from recommend.model.folder import CHECKPOINTS, TRAINING, Method
from recommend.model.network import labels_of, padded
from recommend.model.words import Prompter
from recommend.records import RecommendError
from recommend.training.config import TrainingConfig
from recommend.training.examples import Examples, row_of
from teachers.precision import has_fast_bf16

Told = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is."""
_POINTS = 100
"""Losses written down in a training, about."""
_WEIGHTS = "model.safetensors"


def require_libraries(config: TrainingConfig) -> None:
    """Raises:
    RecommendError: what training needs is not installed.
    """
    for name in ("accelerate", *(["peft"] if config.lora else [])):
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise RecommendError(f"{name} is not installed: pip install 'tagllm[recommend]'") from None


def takes_bf16(config: TrainingConfig) -> bool:
    """Whether it computes in bfloat16: where asked, or where the machine is fast at it."""
    return has_fast_bf16() if config.precision == "auto" else config.precision == "bf16"


def trainer_for(
    net: Any,
    examples: Examples,
    prompter: Prompter,
    padding: int,
    method: Method,
    config: TrainingConfig,
    out: Path,
    told: Told,
) -> Any:
    """A trainer over batches of pairs.

    Args:
        net: To be trained.
        examples: Learned from.
        prompter: Puts notes into prompts.
        padding: The token to pad with.
        method: What is learned.
        config: How.
        out: Folder of the model.
        told: Progress.
    """
    import torch
    from transformers import Trainer, TrainingArguments
    from transformers.trainer_callback import PrinterCallback, TrainerCallback

    added = torch.tensor(examples.added(config.popularity))

    def batch(numbers: Sequence[int]) -> dict[str, Any]:
        rows = [row_of(examples, number, side, prompter, method, config) for number in numbers for side in (0, 1)]
        outputs = [row.output for row in rows]
        made = padded([row.prompt for row in rows], padding, outputs)
        notes = torch.tensor([row.note for row in rows])
        inputs = {name: value for name, value in made._asdict().items() if value is not None}
        return {**inputs, "notes": notes, "added": added[notes], "labels": labels_of(outputs)}

    class Joint(Trainer):
        """Logs both losses; checkpoints are safetensors, with weights that stand for two layers written once."""

        parts: dict[str, list[Any]]

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            found = model(**inputs)
            for name in ("contrastive", "generative"):
                self.parts.setdefault(name, []).append(found[name].detach())
            return (found["loss"], found) if return_outputs else found["loss"]

        def log(self, logs: dict[str, float], *more: Any, **others: Any) -> None:
            if "loss" in logs and self.parts:
                logs |= {name: float(torch.stack(values).mean()) for name, values in self.parts.items()}
                self.parts = {}
            super().log(logs, *more, **others)

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            from safetensors.torch import save_model

            folder = Path(output_dir or str(self.args.output_dir))
            folder.mkdir(parents=True, exist_ok=True)
            save_model(self.accelerator.unwrap_model(self.model), str(folder / _WEIGHTS))

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            from safetensors.torch import load_model

            trained: Any = model or self.model
            load_model(trained, str(Path(resume_from_checkpoint) / _WEIGHTS))

    class Telling(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            told("training", state.global_step, state.max_steps)

    gpu = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(out / TRAINING / CHECKPOINTS),
        max_steps=config.steps,
        per_device_train_batch_size=min(config.batch, len(examples.pairs)),
        learning_rate=config.rate,
        warmup_steps=config.warmup,
        lr_scheduler_type="linear",
        bf16=takes_bf16(config),
        save_strategy="steps",
        save_steps=config.save_every,
        save_total_limit=2,
        logging_strategy="steps",
        logging_steps=max(1, config.steps // _POINTS),
        seed=config.seed,
        dataloader_drop_last=True,  # all processes bring as many pairs
        dataloader_pin_memory=gpu,
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
        use_cpu=not gpu,
    )
    numbers: Any = list(range(len(examples.pairs)))
    trainer = Joint(model=net, args=arguments, train_dataset=numbers, data_collator=batch, callbacks=[Telling()])
    trainer.parts = {}
    trainer.remove_callback(PrinterCallback)
    return trainer
