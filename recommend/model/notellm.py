"""One model that embeds and writes: a note's vector, its category, its hashtags."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import prompts
from notes.records import Note
from recommend.model.base import Base, open_to_ask, require_room
from recommend.model.folder import BASE, HEAD, Method, read_model
from recommend.model.network import network, padded
from recommend.model.words import Form, Prompter, is_empty
from recommend.records import RecommendError, Vectors

FORMS: dict[Method, Form] = {"notellm": "category", "contrast": "word", "repllama": "bare"}
"""The prompt each method's vectors come from. NoteLLM's is that for the category: one vector a note."""
_AT_ONCE = 64
_CATEGORY, _HASHTAGS = 16, 12
"""Tokens of a category; of a hashtag, at most."""


class NoteLLM:
    """A network with its prompts, ready to be asked.

    Args:
        base: With `[EMB]`.
        net: As `network` made it.
        prompter: Puts notes into prompts.
        form: Prompt of the vectors.
        hashtags: Asked for, of each note.
    """

    def __init__(self, base: Base, net: Any, prompter: Prompter, *, form: Form, hashtags: int = 5) -> None:
        self._base, self._net, self._prompter = base, net.eval(), prompter
        self._form: Form = form
        self._hashtags = hashtags

    @classmethod
    def open(cls, folder: Path) -> "NoteLLM":
        """Read a trained model.

        Raises:
            RecommendError: it is none, or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        summary = read_model(folder)
        base = open_to_ask(str(folder / BASE))
        net = network(base.model, hidden=base.hidden, dimension=summary.dimension, temperature=0.0, alpha=0.0)
        try:
            found = load_file(folder / HEAD)
            net.head.load_state_dict({"weight": found["weight"]})
        except (OSError, KeyError, RuntimeError, SafetensorError) as error:
            said = " ".join(str(error).split())[:200]
            raise RecommendError(f"{folder / HEAD}: {said}; the model is damaged: train it again") from None
        try:
            words = prompts.named(summary.made_of.words)
        except prompts.PromptError as error:
            raise RecommendError(f"{folder}: {error}") from None
        if words.digest != summary.made_of.words_digest:
            raise RecommendError(
                f"{folder} was trained with other words than {words.id} has now; restore them, or train it again"
            )
        prompter = Prompter(base.tokenizer, words, note_tokens=summary.note_tokens)
        return cls(
            base, net.to(base.model.device), prompter, form=FORMS[summary.made_of.method], hashtags=summary.hashtags
        )

    @classmethod
    def zero_shot(cls, name: str, *, note_tokens: int = 128) -> "NoteLLM":
        """PromptEOL: a base as it is, the state of the last token of "what it is about, in one word:".

        Raises:
            RecommendError: the base cannot be used.
        """
        base = open_to_ask(name)
        net = network(base.model, hidden=base.hidden, dimension=0, temperature=0.0, alpha=0.0)
        prompter = Prompter(base.tokenizer, prompts.named(prompts.default("compression")), note_tokens=note_tokens)
        require_room(base, prompter.longest(0))
        return cls(base, net, prompter, form="word")

    def embed(self, notes: Sequence[Note], *, progress: Callable[[int, int], None] | None = None) -> Vectors:
        """One unit vector a note, shape (n, d); an empty note has zeros."""
        import torch

        found: Vectors | None = None
        prompted = {
            row: self._prompter.prompt(note, self._form) for row, note in enumerate(notes) if not is_empty(note)
        }
        done = len(notes) - len(prompted)
        for rows in _alike({row: len(one.ids) for row, one in prompted.items()}):
            batch = self._moved(padded([prompted[row] for row in rows], self._base.tokenizer.pad_token_id))
            with torch.inference_mode():
                answer = self._net.read(batch[0], batch[1], logits_to_keep=1, use_cache=False)
                vectors = self._net.vectors(answer, batch[2]).float()
                vectors = torch.nn.functional.normalize(vectors, dim=1).cpu().numpy()
            if found is None:
                found = np.zeros((len(notes), vectors.shape[1]), dtype=np.float32)
            found[rows] = vectors
            done += len(rows)
            if progress is not None:
                progress(done, len(notes))
        return found if found is not None else np.zeros((len(notes), self.dimension), dtype=np.float32)

    @property
    def dimension(self) -> int:
        """d of the vectors."""
        return getattr(self._net.head, "out_features", self._base.hidden)

    def write(
        self, notes: Sequence[Note], *, count: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> list[tuple[str, tuple[str, ...]]]:
        """A category and hashtags for each note, the likeliest word by word; an empty note has none.

        Args:
            notes: Their hashtags are read as they stand, their category never.
            count: Of hashtags; by default as many as it learned.
            progress: Called with the notes done and the notes there are.
        """
        count = count or self._hashtags
        asked = [note for note in notes if not is_empty(note)]
        whole = 2 * len(asked)
        told = (lambda done: progress(done * len(notes) // max(whole, 1), len(notes))) if progress else lambda _: None
        categories = self._written(asked, "category", 0, _CATEGORY, told)
        tags = self._written(asked, "hashtags", count, _HASHTAGS * count, lambda done: told(done + len(asked)))
        said = iter(zip(categories, tags, strict=True))
        nothing: tuple[str, tuple[str, ...]] = ("", ())
        return [nothing if is_empty(note) else (", ".join((one := next(said))[0]), one[1][:count]) for note in notes]

    def _written(
        self, notes: Sequence[Note], form: Form, count: int, most: int, told: Callable[[int], None]
    ) -> list[tuple[str, ...]]:
        import torch

        model, end = self._base.model, self._prompter.end
        prompted = dict(enumerate(self._prompter.prompt(note, form, count) for note in notes))
        found: list[tuple[str, ...]] = [()] * len(notes)
        done = 0
        for rows in _alike({row: len(one.ids) for row, one in prompted.items()}):
            ids, mask, _ = self._moved(padded([prompted[row] for row in rows], self._base.tokenizer.pad_token_id))
            room = most if self._base.context is None else min(most, self._base.context - ids.shape[1])
            with torch.inference_mode():
                answers = model.generate(
                    input_ids=ids,
                    attention_mask=mask.long(),
                    do_sample=False,
                    num_beams=1,
                    max_new_tokens=room,
                    eos_token_id=end,
                    pad_token_id=self._base.tokenizer.pad_token_id,
                )
            for row, answer in zip(rows, answers[:, ids.shape[1] :].tolist(), strict=True):
                stop = answer.index(end) if end in answer else len(answer)
                found[row] = self._prompter.read(answer[:stop])
            done += len(rows)
            told(done)
        return found

    def _moved(self, batch: Any) -> tuple[Any, Any, Any]:
        device = next(self._base.model.parameters()).device
        return batch.ids.to(device), batch.mask.to(device), batch.places.to(device)


def _alike(lengths: dict[int, int]) -> Iterator[list[int]]:
    """Rows of like length together, so that little is padding."""
    ordered = sorted(lengths, key=lambda row: lengths[row])
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))
