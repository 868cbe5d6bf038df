"""How a student is trained: the dataclass whose fields are the command line's options."""

import dataclasses
import functools
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_type_hints

TrainedView = Literal["tags", "cot", "steps", "preference"]
Schedule = Literal["cosine", "linear", "constant"]
Precision = Literal["auto", "bf16", "fp32"]
Attention = Literal["auto", "sdpa", "eager", "flash_attention_2"]


class StudentError(Exception):
    """A student cannot be trained or read; the message says why and the way out."""


class StudentRefused(StudentError):
    """A folder that this training may not write to."""


class Setting(NamedTuple):
    """What a field means, and its limits."""

    help: str
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything that decides what a student becomes, besides its base and its corpus.

    Raises:
        ValueError: a value is outside its limits.
    """

    view: Annotated[TrainedView, Setting("What is learned: a view of the corpus; preference is trained with DPO.")] = (
        "tags"
    )
    lora: Annotated[int, Setting("Rank of LoRA adapters, merged in the end; 0: every weight is trained.", 0, 1024)] = 0
    lora_alpha: Annotated[float | None, Setting("Scale of the adapters; twice their rank by default.", 0)] = None
    freeze_vision: Annotated[bool, Setting("Leave the part of the model that sees as it is.")] = False
    epochs: Annotated[float, Setting("Passes over the corpus.", 0, 10_000)] = 3.0
    max_steps: Annotated[int, Setting("Steps at most; 0: as many as the epochs have.", 0)] = 0
    batch: Annotated[int, Setting("Examples a device takes at a time.", 1, 4096)] = 8
    accumulate: Annotated[int, Setting("Batches before a step.", 1, 4096)] = 1
    learning_rate: Annotated[
        float | None,
        Setting("At its highest; by default 1e-5, 2e-4 with LoRA, and a tenth of these for preference.", 0, 1),
    ] = None
    warmup: Annotated[float, Setting("Share of the steps until the learning rate is at its highest.", 0, 0.9)] = 0.03
    schedule: Annotated[Schedule, Setting("How the learning rate falls.")] = "cosine"
    weight_decay: Annotated[float, Setting("Of AdamW.", 0, 1)] = 0.0
    beta: Annotated[float, Setting("DPO: how near the student stays to its base.", 0, 100)] = 0.1
    max_length: Annotated[
        int | None,
        Setting("Tokens of an example; longer ones are left out and listed. By default what the model reads.", 16),
    ] = None
    precision: Annotated[
        Precision, Setting("auto: bf16 on a GPU that has it, else fp32; bf16 also on a processor that has it.")
    ] = "auto"
    checkpointing: Annotated[bool | None, Setting("Compute activations twice to save memory; by default on a GPU.")] = (
        None
    )
    attention: Annotated[
        Attention, Setting("auto: flash_attention_2 where it is installed beside a GPU, else sdpa.")
    ] = "auto"
    eval_every: Annotated[
        int | None, Setting("Steps between two looks at the held-out split; by default once an epoch.", 1)
    ] = None
    save_every: Annotated[int | None, Setting("Steps between two checkpoints; by default once an epoch.", 1)] = None
    keep: Annotated[int, Setting("Checkpoints kept while it trains.", 1, 1000)] = 2
    by_length: Annotated[
        bool, Setting("Put texts of like length into a batch: less is padded, the order is less random.")
    ] = False
    workers: Annotated[int, Setting("Processes that prepare batches beside the one that trains.", 0, 64)] = 0
    seed: Annotated[int, Setting("Of the order of examples and of new weights.", 0, 2**32 - 1)] = 0

    def __post_init__(self) -> None:
        for name, (_, setting) in settings().items():
            value, least, most = getattr(self, name), setting.least, setting.most
            if value is None or isinstance(value, str | bool):
                continue
            if (least is not None and value < least) or (most is not None and value > most):
                ends = ((">=", least), ("<=", most))
                limits = " and ".join(f"{sign} {end:g}" for sign, end in ends if end is not None)
                raise ValueError(f"{name} must be {limits}, got {value}")
        if not self.epochs and not self.max_steps:
            raise ValueError("epochs and max_steps are both 0: nothing would be learned; set one of them")
        if self.lora_alpha is not None and not self.lora:
            raise ValueError(
                f"lora_alpha {self.lora_alpha:g} scales adapters, and lora is 0; set lora, or leave it out"
            )

    @property
    def rate(self) -> float:
        """The learning rate, chosen or by default."""
        if self.learning_rate is not None:
            return self.learning_rate
        return (2e-4 if self.lora else 1e-5) * (0.1 if self.view == "preference" else 1)

    def as_json(self) -> dict[str, Any]:
        """Every field with its value."""
        return dataclasses.asdict(self)


@functools.cache
def settings() -> dict[str, tuple[Any, Setting]]:
    """Type and meaning of every field, by its name."""
    hints = get_type_hints(TrainingConfig, include_extras=True)
    return {name: (get_args(hint)[0], get_args(hint)[1]) for name, hint in hints.items()}
