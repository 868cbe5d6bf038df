"""The Note Compression Prompt as tokens: instruction, note as JSON, the word `[EMB]`, what is to follow, and that."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from notes.records import Note
from prompts import PromptProgram
from recommend.model.viewing import Viewer
from recommend.pictures import NotePictures

EMB = "[EMB]"
"""The token whose state is the note's vector."""
Form = Literal["category", "hashtags", "word", "bare"]
"""category, hashtags: NoteLLM's prompts. word: PromptEOL's, the state of its last token is the vector. bare: the note
alone and the end of a text, as RepLLaMA reads it."""
_TITLE, _TAGS, _PICTURES, _TAG = 300, 24, 300, 60
"""Characters of the title, hashtags, characters of what pictures say, characters of a hashtag."""
OUTPUT = 96
"""Tokens of what is written, at most."""
_NOTE = "\0"


class Prompted(NamedTuple):
    """A note in its prompt."""

    ids: tuple[int, ...]
    place: int
    """Of the token whose state is the note's vector."""
    note: tuple[int, int]
    """Where the note's own tokens start and end, its pictures' among them."""
    pixels: dict[str, Any] | None = None
    """Behind the pictures' tokens; None: no picture is shown."""


class Prompter:
    """Puts notes into prompts.

    What a note says is never read as one of the tokenizer's special tokens, `[EMB]` among them. The content is cut so
    that a note has `note_tokens` at most: the words behind it are always there.

    Args:
        tokenizer: Of the base, with `EMB` among its tokens.
        words: The prompt program `compression`.
        note_tokens: Of a note's JSON.
        viewer: Puts a note's pictures before its JSON; None: none are shown.
    """

    def __init__(
        self, tokenizer: Any, words: PromptProgram, *, note_tokens: int = 128, viewer: Viewer | None = None
    ) -> None:
        self._tokenizer = tokenizer
        self._words = words
        self._note_tokens = note_tokens
        self.viewer = viewer
        self._kept: dict[tuple[Form, int], tuple[list[int], list[int]]] = {}
        first = next((one for one in (tokenizer.bos_token_id, tokenizer.cls_token_id) if one is not None), None)
        self._start = [] if first is None else [first]
        self.end: int = next(
            one for one in (tokenizer.eos_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id) if one is not None
        )
        """The token that ends an output, and a bare note."""
        self._emb: int = tokenizer.convert_tokens_to_ids(EMB)

    def prompt(self, note: Note, form: Form, count: int = 0) -> Prompted:
        """The tokens up to where the output begins.

        Args:
            note: Its hashtags are shown as they stand; its category never is.
            form: Which prompt.
            count: Of hashtags asked for.
        """
        before, behind = self._around(form, count)
        view = self.viewer.view(note) if self.viewer is not None else None
        ids = [*(view.ids if view is not None else ()), *self._note(note)]
        start = len(before)
        whole = [*before, *ids, *behind]
        place = len(whole) - 1 if self._emb not in behind else start + len(ids) + behind.index(self._emb)
        return Prompted(tuple(whole), place, (start, start + len(ids)), view.pixels if view is not None else None)

    def is_empty(self, note: Note) -> bool:
        """Whether there is nothing in the note that could be read, or seen where pictures are shown."""
        return is_empty(note, self.viewer.pictures if self.viewer is not None else None)

    def prompts(self, notes: Iterable[Note], form: Form, count: int = 0) -> Iterable[Prompted]:
        """The prompts of several notes; with pictures one at a time, as they are asked for: pixels are many."""
        made = (self.prompt(note, form, count) for note in notes)
        return made if self.viewer is not None else list(made)

    def output(self, tags: Sequence[str]) -> tuple[int, ...]:
        """A category or hashtags as they are to be written, and the end; `OUTPUT` tokens at most."""
        said = ", ".join(" ".join(tag.replace(",", " ").split()) for tag in tags)
        return (*self._tokens(said)[: OUTPUT - 1], self.end)

    def read(self, ids: Sequence[int]) -> tuple[str, ...]:
        """What an output says: its parts in their order, each once."""
        kept = [one for one in ids if one != self.end]
        text: str = self._tokenizer.decode(kept, skip_special_tokens=True)
        parts = (" ".join(part.replace(" - ", "-").replace(" ' ", "'").split()) for part in text.split(","))
        return tuple(dict.fromkeys(part for part in parts if part))

    def longest(self, count: int) -> int:
        """Tokens of the longest prompt there can be, with `count` hashtags asked for."""
        forms: tuple[Form, ...] = ("category", "hashtags", "word", "bare")
        shown = self._note_tokens + (self.viewer.longest if self.viewer is not None else 0)
        return shown + max(sum(map(len, self._around(form, count))) for form in forms)

    def _around(self, form: Form, count: int) -> tuple[list[int], list[int]]:
        if (form, count) not in self._kept:
            if form == "bare":
                found = ([*self._start], [self.end])
            else:
                values = {"count": count} if form == "hashtags" else {}
                before, behind = self._words[form].render(note=_NOTE, **values).split(_NOTE)
                tail = behind.split(EMB)
                ids = self._tokens(tail[0])
                if len(tail) > 1:
                    ids = [*ids, self._emb, *self._tokens(tail[1])]
                found = ([*self._start, *self._tokens(before)], ids)
            self._kept[form, count] = found
        return self._kept[form, count]

    def _note(self, note: Note) -> list[int]:
        shown = {
            "title": note.title[:_TITLE],
            "hashtags": [tag[:_TAG] for tag in note.hashtags[:_TAGS]],
            "pictures": ", ".join(filter(None, (note.ocr, *note.image_attributes)))[:_PICTURES],
        }
        said = json.dumps({name: value for name, value in shown.items() if value}, ensure_ascii=False)[:-1]
        if note.content:
            said += ", " if len(said) > 1 else ""
            said += '"content": "'
        end = self._tokens('"}' if note.content else "}")
        head = self._tokens(said)[: self._note_tokens - len(end)]
        # Far more characters than tokens fit: a 200,000-character note is not tokenised to its end.
        content = json.dumps(note.content[: self._note_tokens * 16], ensure_ascii=False)[1:-1]
        body = self._tokens(content)[: max(0, self._note_tokens - len(end) - len(head))]
        return [*head, *body, *end]

    def _tokens(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]


def is_empty(note: Note, pictures: NotePictures | None = None) -> bool:
    """Whether there is nothing in the note that could be read, and among `pictures` none that could be seen."""
    said = (note.title, note.content, note.ocr, *note.image_attributes, *note.hashtags)
    return not any(part.strip() for part in said) and not (pictures is not None and pictures.of(note, 1))
