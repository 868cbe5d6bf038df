"""A trained model on disk.

base/             the model with its tokenizer (or processor), `[EMB]` among its words, adapters merged
head.safetensors  the linear layer, the temperature, and the fusion where there is one
model.json        what made it: base, words, pairs, configuration, losses; written last
pairs.json        which clicks it learned from, written by the command: evaluation refuses to measure it on those
curve.jsonl       a line whenever losses were written down
training/         while it trains: training.json, checkpoints/
"""

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, JsonValue, ValidationError

from notes.records import Record
from recommend.records import RecommendError

BASE, HEAD, MODEL, CURVE = "base", "head.safetensors", "model.json", "curve.jsonl"
TRAINING, DESCRIPTION, CHECKPOINTS = "training", "training.json", "checkpoints"
FORMAT = "tagllm-notellm/1"
Method = Literal["notellm", "contrast", "repllama"]
"""notellm: the compression prompt, both losses. contrast: PromptEOL's prompt, L_cl alone. repllama: the note alone,
its last token, L_cl alone."""
Fusion = Literal["none", "late"]
"""How pictures reach a note's vector: through the language model alone, or with late fusion past it as well."""
R = TypeVar("R", bound=Record)
METHODS: tuple[Method, ...] = ("notellm", "contrast", "repllama")


class Description(Record):
    """What decides what a model becomes: a training goes on only with the same."""

    method: Method
    base: str
    base_digest: str
    """Of the base's files; empty for a name on the hub."""
    words: str
    """Version of the prompts."""
    words_digest: str
    data: str
    """Digest of the pairs and of their notes as they were shown."""
    config: dict[str, JsonValue]


class ModelSummary(Record):
    """A model that was trained."""

    format: Literal["tagllm-notellm/1"] = FORMAT
    made_of: Description
    dimension: int
    """Of the vectors."""
    note_tokens: int
    """Of a note's JSON, at most."""
    pictures: int = 0
    """Of a note, shown at most."""
    fusion: Fusion = "none"
    hashtags: int
    """Asked for when it writes: the mean of what it learned, rounded."""
    pairs: int
    """Learned from."""
    left_out: int
    """Pairs with an empty note."""
    notes: int
    """In these pairs."""
    cold: int
    """Notes in none of them."""
    refused: int = 0
    """Pictures that could not be opened, in the last session."""
    steps: int
    loss: dict[str, float] = Field(default_factory=dict)
    """L, L_cl and L_gen, the mean over the last steps; L_gen where it was learned."""
    temperature: float
    """τ in the end."""
    seconds: float
    """Of the last session."""
    weights: int
    """Parameters."""
    trained_weights: int
    """Of them, those that were trained; with adapters the adapters'."""
    versions: dict[str, str] = Field(default_factory=dict)


def read_model(folder: Path | str) -> ModelSummary:
    """What made the model in `folder`.

    Raises:
        RecommendError: there is none, its training has not finished, or it was made by another version.
    """
    file = Path(folder) / MODEL
    if not file.is_file():
        why = f"it holds no {MODEL}"
        if (Path(folder) / TRAINING / DESCRIPTION).is_file():
            why = "its training has not finished; the same command goes on"
        elif (Path(folder) / "config.json").is_file():
            why = "it is a base without a trained [EMB]"
        raise RecommendError(
            f"{folder} is no trained model: {why}; make one: "
            "tagllm recommend train --notes N --interactions I --out DIR"
        )
    return parsed(file, ModelSummary)


def parsed(file: Path, kind: type[R]) -> R:
    """A record out of a JSON file.

    Raises:
        RecommendError: it holds none.
    """
    try:
        return kind.model_validate_json(file.read_bytes())
    except (ValidationError, OSError) as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise RecommendError(f"{file}: {said}; it was made by another version, or is damaged: train again") from None
