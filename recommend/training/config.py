"""How a model is trained: the dataclass whose fields are the command line's options."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

Precision = Literal["auto", "bf16", "fp32"]

_LIMITS: dict[str, tuple[float, float]] = {
    "steps": (1, 10_000_000),
    "batch": (2, 65_536),
    "learning_rate": (0, 1),
    "warmup": (0, 0.9),
    "alpha": (0, 1000),
    "temperature": (-5, 10),
    "dimension": (1, 16_384),
    "hashtag_share": (0, 1),
    "max_hashtags": (1, 30),
    "note_tokens": (16, 32_768),
    "lora": (0, 1024),
    "save_every": (1, 10_000_000),
}


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything that decides what a model becomes, besides its base, its method and its pairs.

    Raises:
        ValueError: a value is outside its limits.
    """

    steps: int = 400
    """Each over `batch` pairs a process."""
    batch: int = 32
    """Pairs a process takes at a time; each note is compared with all others of all processes."""
    learning_rate: float | None = None
    """At its highest; by default 5e-5, 2e-4 with LoRA."""
    warmup: float = 0.1
    """Share of the steps until the learning rate is at its highest; then it falls linearly."""
    alpha: float = 0.01
    """Weight of writing beside recommending: L = (L_cl + α·L_gen)/(1 + α), the paper's value."""
    temperature: float = 3.0
    """τ at the start: cosines are multiplied by e^τ, about 20."""
    dimension: int = 128
    """Of the vectors."""
    hashtag_share: float = 0.4
    """Of the notes that have hashtags, those asked for them; the others are asked for their category."""
    max_hashtags: int = 5
    """Asked for at a time; between one and this many are chosen at random."""
    note_tokens: int = 96
    """Of a note, at most."""
    lora: int = 0
    """Rank of LoRA adapters, merged in the end; 0: every weight is trained."""
    precision: Precision = "auto"
    """auto: bf16 where the machine is fast at it, else fp32."""
    checkpointing: bool = False
    """Compute activations twice to save memory."""
    save_every: int = 200
    """Steps between two checkpoints."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (least, most) in _LIMITS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(f"{name} must be >= {least:g} and <= {most:g}, got {value:g}")

    @property
    def rate(self) -> float:
        """The learning rate, chosen or by default."""
        return self.learning_rate if self.learning_rate is not None else 2e-4 if self.lora else 5e-5

    def as_json(self) -> dict[str, Any]:
        """Every field with its value."""
        return dataclasses.asdict(self)
