"""The model a student starts from: what it is, how it is loaded, and where its answers end."""

from pathlib import Path
from typing import Any, NamedTuple

from distill.student.config import StudentError, TrainingConfig
from teachers.precision import has_fast_bf16

_PROBE = "PROBE"


class Base(NamedTuple):
    """A model to be trained."""

    name: str
    """Folder or name on the hub, as it was asked for."""
    model: Any
    processor: Any
    """Of a model that sees; else its tokenizer."""
    sees: bool
    """Whether it takes pictures."""
    dtype: Any
    """Of its weights on the disk; the student's are written in the same."""
    context: int | None
    """Tokens it reads and writes at most; None: it does not say."""

    @property
    def tokenizer(self) -> Any:
        """Of its texts."""
        return self.processor.tokenizer if self.sees else self.processor


def open_base(name: str, config: TrainingConfig) -> Base:
    """Load a model; code that comes with it is never run, and weights are read from safetensors alone.

    Args:
        name: A folder, or a name on the Hugging Face hub.
        config: Of the training.

    Raises:
        StudentError: there is none, it cannot be loaded, or it has no chat template.
    """
    import torch
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForImageTextToText,
        AutoProcessor,
        AutoTokenizer,
    )
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    folder = Path(name)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise StudentError(f"{name} is no model folder: it holds no config.json; give --base a model's folder or name")
    if not folder.is_dir() and (folder.is_file() or name.startswith((".", "/", "~"))):
        raise StudentError(f"no model folder {name}; give --base a folder with config.json in it, or a name on the hub")
    local = {"local_files_only": True} if folder.is_dir() else {}
    try:
        settings = AutoConfig.from_pretrained(name, trust_remote_code=False, **local)
        sees = type(settings) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
        maker = AutoModelForImageTextToText if sees else AutoModelForCausalLM
        model = maker.from_pretrained(
            name,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=_dtype(config),
            attn_implementation=_attention(config),
            **local,
        )
        opener = AutoProcessor if sees else AutoTokenizer
        processor = opener.from_pretrained(name, trust_remote_code=False, **local)
    except (OSError, ValueError, ImportError, KeyError) as error:
        said = " ".join(str(error).split())[:400]
        raise StudentError(f"--base {name} cannot be loaded: {said}") from None
    tokenizer = processor.tokenizer if sees else processor
    if not getattr(processor, "chat_template", None):
        raise StudentError(f"--base {name} has no chat template, so no server could ask it; choose an instruct model")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    if config.freeze_vision:
        _freeze_vision(model, name)
    written = getattr(settings, "dtype", None) or getattr(settings.get_text_config(), "dtype", None)
    return Base(
        name=name,
        model=model,
        processor=processor,
        sees=sees,
        dtype=written if isinstance(written, torch.dtype) else torch.float32,
        context=getattr(settings.get_text_config(), "max_position_embeddings", None),
    )


def on_gpu() -> bool:
    """Whether there is a GPU to train on."""
    import torch

    return torch.cuda.is_available()


def takes_bf16(config: TrainingConfig) -> bool:
    """Whether the training computes in bfloat16.

    Raises:
        StudentError: it is asked for where it is not to be had.
    """
    import torch

    can = has_fast_bf16()
    if config.precision == "bf16" and not can:
        raise StudentError("--precision bf16 needs a GPU or a processor that has it; leave it at auto, or say fp32")
    return can and (torch.cuda.is_available() if config.precision == "auto" else config.precision == "bf16")


def ending_of(base: Base) -> str:
    """The token that ends an answer: the first that stops a server among those the chat template puts behind one.

    Raises:
        StudentError: the model has no token that ends an answer.
    """
    tokenizer = base.tokenizer
    stops = getattr(base.model.generation_config, "eos_token_id", None)
    found = {tokenizer.eos_token_id, *(stops if isinstance(stops, list) else [stops])} - {None}
    if not found:
        raise StudentError(f"--base {base.name} has no token that ends an answer; choose an instruct model")
    turns = [("user", "?"), ("assistant", _PROBE)]
    messages = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in turns]
    if not base.sees:
        messages = [{"role": role, "content": text} for role, text in turns]
    behind = base.processor.apply_chat_template(messages, tokenize=False).rpartition(_PROBE)[2]
    ids = tokenizer(behind, add_special_tokens=False)["input_ids"]
    first = next((token for token in ids if token in found), tokenizer.eos_token_id)
    return tokenizer.convert_ids_to_tokens(first if first is not None else min(found))


def _dtype(config: TrainingConfig) -> Any:
    """What weights are trained in: with adapters they stay as they are, else small steps would be lost in bfloat16."""
    import torch

    return torch.bfloat16 if config.lora and takes_bf16(config) else torch.float32


def _attention(config: TrainingConfig) -> str:
    from transformers.utils.import_utils import is_flash_attn_2_available

    if config.attention != "auto":
        return config.attention
    return "flash_attention_2" if takes_bf16(config) and is_flash_attn_2_available() else "sdpa"


def _freeze_vision(model: Any, name: str) -> None:
    frozen = 0
    for parameter_name, parameter in model.named_parameters():
        if any(part in ("vision_model", "vision_tower", "visual") for part in parameter_name.split(".")):
            parameter.requires_grad = False
            frozen += 1
    if not frozen:
        raise StudentError(f"--freeze-vision: --base {name} has no part that sees by a known name; leave it out")
