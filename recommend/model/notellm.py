"""One model that embeds and writes: a note's vector, its category, its hashtags."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import prompts
from notes.records import Note
from recommend.model.base import Base, open_to_ask, require_room
from recommend.model.folder import BASE, HEAD, Method, ModelSummary, read_model
from recommend.model.fusion import late_fusion
from recommend.model.network import Batch, batches, network
from recommend.model.viewing import Viewer
from recommend.model.words import Form, Prompter
from recommend.pictures import NotePictures
from recommend.records import RecommendError, Vectors

FORMS: dict[Method, Form] = {"notellm": "category", "contrast": "word", "repllama": "bare"}
"""The prompt each method's vectors come from. NoteLLM's is that for the category: one vector a note."""
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
        pictures: Of a note, looked at once `look_at` says where they are.
    """

    def __init__(
        self, base: Base, net: Any, prompter: Prompter, *, form: Form, hashtags: int = 5, pictures: int = 0
    ) -> None:
        self._base, self._net, self._prompter = base, net.eval(), prompter
        self._form: Form = form
        self._hashtags = hashtags
        self._pictures = pictures

    @classmethod
    def open(cls, folder: Path) -> "NoteLLM":
        """Read a trained model.

        Raises:
            RecommendError: it is none, or damaged.
        """
        summary = read_model(folder)
        base = open_to_ask(str(folder / BASE))
        net = _network(base, summary, folder / HEAD)
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
            base,
            net.to(base.model.device),
            prompter,
            form=FORMS[summary.made_of.method],
            hashtags=summary.hashtags,
            pictures=summary.pictures,
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

    def look_at(self, pictures: NotePictures) -> None:
        """Say where the pictures of the notes are that come next; a model that was trained without looks at none."""
        if self._pictures:
            self._prompter.viewer = Viewer(self._base.processor, pictures, self._pictures)

    def embed(self, notes: Sequence[Note], *, progress: Callable[[int, int], None] | None = None) -> Vectors:
        """One unit vector a note, shape (n, d); an empty note has zeros.

        Raises:
            RecommendError: the model looks at pictures, a note names some, and nobody has said where they are.
        """
        import torch

        found: Vectors | None = None
        asked = {row: note for row, note in enumerate(notes) if not self._is_empty(note)}
        done = len(notes) - len(asked)
        for rows, batch in self._batches(asked, self._form, 0):
            with torch.inference_mode():
                reading = self._net.read(batch.ids, batch.mask, batch.pixels, logits_to_keep=1, use_cache=False)
                vectors = self._net.vectors(reading, batch.places).float()
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

        Pictures are read by the language model as they were trained; a fusion is of the vector alone.

        Args:
            notes: Their hashtags are read as they stand, their category never.
            count: Of hashtags; by default as many as it learned.
            progress: Called with the notes done and the notes there are.

        Raises:
            RecommendError: as `embed`.
        """
        count = count or self._hashtags
        empty = [self._is_empty(note) for note in notes]
        asked = [note for note, nothing in zip(notes, empty, strict=True) if not nothing]
        whole = 2 * len(asked)
        told = (lambda done: progress(done * len(notes) // max(whole, 1), len(notes))) if progress else lambda _: None
        categories = self._written(asked, "category", 0, _CATEGORY, told)
        tags = self._written(asked, "hashtags", count, _HASHTAGS * count, lambda done: told(done + len(asked)))
        said = iter(zip(categories, tags, strict=True))
        none: tuple[str, tuple[str, ...]] = ("", ())
        return [none if nothing else (", ".join((one := next(said))[0]), one[1][:count]) for nothing in empty]

    def _written(
        self, notes: Sequence[Note], form: Form, count: int, most: int, told: Callable[[int], None]
    ) -> list[tuple[str, ...]]:
        import torch

        model, end = self._base.model, self._prompter.end
        found: list[tuple[str, ...]] = [()] * len(notes)
        done = 0
        for rows, batch in self._batches(dict(enumerate(notes)), form, count):
            ids = batch.ids
            room = most if self._base.context is None else min(most, self._base.context - ids.shape[1])
            with torch.inference_mode():
                answers = model.generate(
                    input_ids=ids,
                    attention_mask=batch.mask.long(),
                    **self._net.shown(ids, batch.pixels),
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

    def _is_empty(self, note: Note) -> bool:
        if self._pictures and self._prompter.viewer is None and note.images:
            raise RecommendError(
                f"the model looks at {self._pictures} pictures of a note, and nobody has said where those of "
                f"{note.id[:80]!r} are; give open_method pictures=NotePictures(PictureStore(FOLDER))"
            )
        return self._prompter.is_empty(note)

    def _batches(self, notes: Mapping[int, Note], form: Form, count: int) -> Iterator[tuple[list[int], Batch]]:
        """Notes in their prompts, each batch with the rows that are in it."""
        device = next(self._base.model.parameters()).device
        prompted = self._prompter.prompts(notes.values(), form, count)
        rows = list(notes)
        for places, _, batch in batches(prompted, self._base.tokenizer.pad_token_id):
            yield [rows[place] for place in places], batch.to(device)


def _network(base: Base, summary: ModelSummary, file: Path) -> Any:
    """The network of a trained model, with what `file` holds of it.

    Raises:
        RecommendError: it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(file)
        fusion = None
        if summary.fusion == "late":
            fusion = late_fusion(found["fusion.projection.weight"].shape[1], base.hidden)
            fusion.load_state_dict({name: found[f"fusion.{name}"] for name in fusion.state_dict()})
        net = network(
            base.model,
            hidden=base.hidden,
            dimension=summary.dimension,
            temperature=0.0,
            alpha=0.0,
            picture_token=base.picture_token,
            fusion=fusion,
        )
        net.head.load_state_dict({"weight": found["weight"]})
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        said = " ".join(str(error).split())[:200]
        raise RecommendError(f"{file}: {said}; the model is damaged: train it again") from None
    return net
