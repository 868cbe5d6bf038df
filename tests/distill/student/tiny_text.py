"""A tiny language model built from nothing: a byte-level tokenizer trained on the spot, random weights."""

from collections.abc import Sequence
from pathlib import Path

from tests import tiny_idefics3

# The tokenizer learns `:{"` as one token: a text and an answer behind it are tokenised otherwise than side by side.
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>:{% endif %}"
)
SPECIALS = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]


def build(
    folder: Path,
    *,
    seed: int = 0,
    sentences: Sequence[str] = (),
    hidden: int = 64,
    layers: int = 2,
    vocabulary: int = 800,
    positions: int = 8192,
    fixed: Sequence[str] = (),
) -> Path:
    """Write the checkpoint into `folder` and return it; the same seed gives the same weights.

    With `fixed` it is made for copying: each of these texts is one token, a space is a token of its own, so that a word
    is the same tokens wherever it stands, and tokens are written as they are read (tied embeddings).
    """
    import torch
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if fixed:
        apart = pre_tokenizers.Split(Regex(r"\s|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"), "isolated")
        raw.pre_tokenizer = pre_tokenizers.Sequence([apart, pre_tokenizers.ByteLevel(False, use_regex=False)])
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=1,
        show_progress=False,
    )
    raw.train_from_iterator([*sentences, *tiny_idefics3.CORPUS, ':{"tags":["'] * 2, trainer)
    raw.add_tokens([AddedToken(text, normalized=False) for text in fixed])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        eos_token="<|end|>",
        pad_token="<|pad|>",
        additional_special_tokens=SPECIALS[2:],
        model_max_length=positions,
        chat_template=TEMPLATE,
    )
    ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=positions,
        initializer_range=0.02 if fixed else 0.1,
        tie_word_embeddings=bool(fixed),
        **ids,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(**ids)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
