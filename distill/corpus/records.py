"""What a corpus is made of: examples, and what became of every trace that gave none."""

from typing import Literal, NamedTuple, get_args

from notes.records import Record

View = Literal["tags", "cot", "steps", "preference", "prompts"]
"""What is learned.

tags        note → tags
cot         note → reasoning, then tags
steps       each step as its own task, asked as the teacher was asked
preference  the final tags rather than the draft they came from
prompts     the question alone, for distillation on the student's own answers
"""
VIEWS: tuple[View, ...] = get_args(View)

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

DropReason = Literal[
    "damaged",
    "written_twice",
    "note_missing",
    "note_changed",
    "other_run",
    "inconsistent",
    "too_few_tags",
    "low_confidence",
    "ungrounded",
    "redundant",
    "language",
    "picture_missing",
    "picture_changed",
    "near_duplicate",
    "over_category",
    "over_interest",
    "too_long",
    "no_request",
    "no_reasoning",
    "same_as_draft",
    "breaks_schema",
]
"""Why a trace is in no view.

damaged, written_twice          its line has changed on the disk; the run wrote the note again later
note_missing, note_changed      the note is not where it was, or is no longer what was tagged
other_run, inconsistent         another run's trace speaks for the note; the runs agree on no tags
too_few_tags … language         by the selection
picture_missing, picture_changed  a picture that the teacher saw is gone, or another one is in its place
near_duplicate                  another note has nearly the same text and pictures
over_category, over_interest    there are enough of its kind
too_long … breaks_schema        each of the views has its reason to leave it out; the first is told
"""
DROP_REASONS: tuple[DropReason, ...] = get_args(DropReason)


class CorpusError(Exception):
    """A corpus cannot be built or read; the message says why and the way out."""


class CorpusRefused(CorpusError):
    """A folder that no corpus may be written to."""


class Dropped(Record):
    """A trace that is in no view."""

    run: str
    """Name of its run."""
    note_id: str | None
    """None: the line is unreadable."""
    reason: DropReason
    detail: str = ""
    """The measurement behind it, for people."""
    instead: str | None = None
    """Id of the note, or name of the run, that speaks for it."""


class KeptNote(Record):
    """A trace that is in the views."""

    key: str
    """Names the note across corpora: digest of its id and of what the tagger was shown."""
    run: str
    note_id: str
    note_digest: str
    split: Split
    group: str
    """Key of the first note of those nearly the same; a group is never divided between splits."""
    category: str
    lang: str
    pictures: tuple[str, ...] = ()
    """Their files' names."""
    rows: dict[View, int]
    """Examples of it, by view."""


class Shown(NamedTuple):
    """A picture's place in a message."""

    name: str
    """Of its file under `images/`."""


class Message(NamedTuple):
    """A turn: texts and pictures in their order."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[str | Shown, ...]

    @property
    def text(self) -> str:
        """Its texts, pictures left out."""
        return "".join(part for part in self.parts if isinstance(part, str))


class Example(NamedTuple):
    """One example, the same for every trainer."""

    id: str
    """Unique in the corpus."""
    view: View
    note_id: str
    prompt: tuple[Message, ...]
    answer: str | None = None
    """None where only the question is wanted."""
    rejected: str | None = None
    """The answer that is worse, of a preference."""

    @property
    def pictures(self) -> tuple[str, ...]:
        """Names of its pictures, in the order they are shown."""
        return tuple(part.name for message in self.prompt for part in message.parts if isinstance(part, Shown))

    @property
    def characters(self) -> int:
        """Of the prompt and the longest answer."""
        longest = max(len(self.answer or ""), len(self.rejected or ""))
        return sum(len(message.text) for message in self.prompt) + longest
