"""Build a tiny Idefics3 vision-language checkpoint from nothing.

No download is involved: the configuration is written here, the tokenizer is
trained on a few built-in sentences, the weights are random (seeded).  The
answers are therefore nonsense, but the folder is a genuine one: transformers
and vLLM load it like any published model, pictures go through the vision tower
and change the answer, and guided decoding makes the nonsense fit a JSON schema.

    python tests/tiny_idefics3.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerFast

# One picture is one 64 x 64 square (never split): (64 / 16)**2 patches, four of
# which make one token, so 4 tokens plus the three markers around them.
IMAGE_SIZE = 64
PATCH_SIZE = 16
SCALE_FACTOR = 2
MAX_POSITIONS = 32768
VOCAB_SIZE = 1024

BOS, PAD, END = "<|begin_of_text|>", "<pad>", "<end_of_utterance>"
FAKE, IMAGE, GLOBAL = "<fake_token_around_image>", "<image>", "<global-img>"
SPECIALS = [BOS, PAD, END, FAKE, IMAGE, GLOBAL]

CHAT_TEMPLATE = (
    BOS
    + "{% for message in messages %}{{ message['role'] | capitalize }}: "
    + "{% if message['content'] is string %}{{ message['content'] }}"
    + "{% else %}{% for part in message['content'] %}"
    + "{% if part['type'] == 'image' %}"
    + IMAGE
    + "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    + "{% endfor %}{% endif %}"
    + END
    + "\n{% endfor %}"
    + "{% if add_generation_prompt %}Assistant:{% endif %}"
)

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and the picture shows a red house near a lake.",
    "Answer the question with one JSON object that fits the schema. Think step by step, then answer.",
    "What does this page say? List every item, its name, its price, its colour and its position.",
    "You are a helpful assistant. Read the document, the table and the figure before you answer.",
    '{"name": "value", "items": [{"id": 1, "score": 0.5, "ok": true}, {"id": 2, "score": -3.25}], "note": null}',
    '{"label":"cat","boxes":[[0,1,2,3],[4,5,6,7],[8,9,10,11]],"text":"","answer":"yes","reason":"no"}',
    "[[ ## question ## ]]\nHow many people are there?\n\n[[ ## answer ## ]]\n12 + 34 = 46; 56 - 7 = 49; 8 * 9 = 72.",
    "图片里有一只猫和一条狗。请用中文回答下面的问题，并给出理由。",
    "这张表格列出了名称、价格、数量和日期。今天的天气很好，我们去公园看书。",
]


def _tokenizer(sentences: Sequence[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE trained on `sentences`, without the bytes that would spoil an answer.

    In a string bounded by maxLength, guided decoding lets through raw control
    characters (other than CR and LF), which JSON forbids, and UTF-16 surrogates
    (bytes ED A0 80 and up), which decode as three characters and overrun the bound.
    Trained models do not write them; random weights do, unless the vocabulary
    lacks them.  The same bytes vanish from prompts, where they hardly occur.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    # ByteLevel spells byte 0x00 as chr(256), 0x01 as chr(257), ...; 0xED as itself.
    unwanted = {chr(256 + byte) for byte in range(32) if byte != ord("\n")} | {chr(0xED)}
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=SPECIALS,
        initial_alphabet=sorted(set(pre_tokenizers.ByteLevel.alphabet()) - unwanted),
        min_frequency=1,
        show_progress=False,
    )
    raw.train_from_iterator(sentences, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token=BOS,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[FAKE, IMAGE, GLOBAL],
        model_max_length=MAX_POSITIONS,
        chat_template=CHAT_TEMPLATE,
    )


def build(folder: Path, *, seed: int = 0, sentences: Sequence[str] = CORPUS) -> Path:
    """Write the checkpoint into `folder` (created if need be) and return it.

    The same seed gives the same weights; another seed another model.  What stands
    in `sentences` takes few tokens.
    """
    import torch
    from transformers import GenerationConfig, Idefics3Config, Idefics3ForConditionalGeneration, Idefics3Processor
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(sentences)
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    config = Idefics3Config(
        text_config={
            "model_type": "llama",
            "vocab_size": len(tokenizer),
            "hidden_size": 128,
            "intermediate_size": 384,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": MAX_POSITIONS,
            "initializer_range": 0.2,
            **ids,
        },
        vision_config={
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": IMAGE_SIZE,
            "patch_size": PATCH_SIZE,
            "initializer_range": 0.2,
        },
        scale_factor=SCALE_FACTOR,
        image_token_id=tokenizer.get_vocab()[IMAGE],
        tie_word_embeddings=False,
        **ids,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Idefics3ForConditionalGeneration(config)
    model.generation_config = GenerationConfig(**ids)
    model.bfloat16().save_pretrained(folder)
    square = {"longest_edge": IMAGE_SIZE}
    images = Idefics3ImageProcessorPil(size=square, max_image_size=square, do_image_splitting=False)
    seq_len = (IMAGE_SIZE // PATCH_SIZE) ** 2 // SCALE_FACTOR**2
    processor = Idefics3Processor(images, tokenizer, image_seq_len=seq_len, chat_template=CHAT_TEMPLATE)
    processor.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
