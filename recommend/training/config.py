"""How a model is trained: a record whose fields are the command line's options."""

from typing import Any, Literal

from pydantic import Field

from notes.records import Record
from recommend.model.folder import Fusion

Precision = Literal["auto", "bf16", "fp32"]


class TrainingConfig(Record):
    """Everything that decides what a model becomes, besides its base, its method and its pairs.

    Raises:
        pydantic.ValidationError: a value is outside its limits.
    """

    steps: int = Field(default=400, ge=1, le=10_000_000, description="Each over --batch pairs a process.")
    batch: int = Field(
        default=32,
        ge=2,
        le=65_536,
        description="Pairs a process takes at a time; each note is compared with all others of all processes.",
    )
    learning_rate: float | None = Field(
        default=None, ge=0, le=1, description="At its highest.  [default: 5e-5; with LoRA 2e-4]"
    )
    warmup: float = Field(
        default=0.1,
        ge=0,
        le=0.9,
        description="Share of the steps until the learning rate is at its highest; then it falls linearly.",
    )
    alpha: float = Field(
        default=0.01,
        ge=0,
        le=1000,
        description="Weight of writing beside recommending: L = (L_cl + α·L_gen)/(1 + α), by default the paper's.",
    )
    temperature: float = Field(
        default=3.0, ge=-5, le=10, description="τ at the start: cosines are multiplied by e to this power."
    )
    popularity: float = Field(
        default=1.0,
        ge=0,
        le=2,
        description="β: how far vectors follow popularity, as co-occurrence does. 0 is the paper's loss: a note that "
        "is in many pairs is a wrong answer as many times.",
    )
    head_steps: int = Field(
        default=800,
        ge=0,
        le=1_000_000,
        description="The linear layer learns alone before the base does, 256 pairs each.",
    )
    dimension: int = Field(default=128, ge=1, le=16_384, description="Of the vectors.")
    hashtag_share: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="Of the notes with hashtags, those asked for them; the others are asked for their category.",
    )
    max_hashtags: int = Field(
        default=5, ge=1, le=30, description="Asked for at a time; between one and this many, at random."
    )
    note_tokens: int = Field(default=96, ge=16, le=32_768, description="Of a note, at most.")
    pictures: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Of a note, shown to a base that sees: the first that can be opened; 0: it reads text alone.",
    )
    fusion: Fusion = Field(
        default="none",
        description="late: what the picture encoder sees goes past the language model into the vector too (NoteLLM-2).",
    )
    layers: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="Of the base's layers that read, only this many last ones are trained; 0: all of it.",
    )
    lora: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="Rank of LoRA adapters in the layers that read, merged in the end; 0: every weight is trained.",
    )
    precision: Precision = Field(default="auto", description="auto: bf16 where the machine is fast at it, else fp32.")
    checkpointing: bool = Field(default=False, description="Compute activations twice to save memory.")
    save_every: int = Field(default=200, ge=1, le=10_000_000, description="Steps between checkpoints.")
    seed: int = Field(default=0, description="Of all that is drawn.")

    @property
    def rate(self) -> float:
        """The learning rate, chosen or by default."""
        return self.learning_rate if self.learning_rate is not None else 2e-4 if self.lora else 5e-5

    def as_json(self) -> dict[str, Any]:
        """Every field with its value."""
        return self.model_dump(mode="json")
