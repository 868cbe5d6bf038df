"""Records: frozen, strict, and digested by what the tagger is shown."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import notes.records
from notes.records import Failure, FinalTag, Interaction, Note, Record, Reject, StepRecord, Trace, digest_of

RECORDS = [value for value in vars(notes.records).values() if isinstance(value, type) and issubclass(value, Record)]
NOTE = Note(id="n1", title="Pour-over", content="A slow morning.", images=("a.jpg",), category="coffee", lang="en")


@pytest.mark.parametrize("kind", RECORDS)
def test_every_record_is_frozen_and_strict(kind: type[BaseModel]) -> None:
    assert kind.model_config.get("frozen") is True
    assert kind.model_config.get("extra") == "forbid"


def test_field_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(NOTE, "title", "Espresso")  # noqa: B010 - a type checker knows it, too


@pytest.mark.parametrize(
    "record",
    [
        {"id": "n1", "tittle": "a typo"},
        {"id": ""},
        {"id": "i" * 257},
        {"id": "n1", "title": "t" * 20_001},
        {"id": "n1", "content": "c" * 200_001},
        {"id": "n1", "images": ["a.jpg"] * 65},
        {"id": "n1", "title": ["a", "list"]},
    ],
    ids=["unknown field", "empty id", "long id", "long title", "long content", "many images", "title a list"],
)
def test_note_outside_its_limits_is_an_error(record: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Note(**record)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"title": "Espresso"}, True),
        ({"content": "A fast morning."}, True),
        ({"images": ("b.jpg",)}, True),
        ({"category": "tea"}, True),
        ({"ocr": "92 °C"}, True),
        ({"image_attributes": ("kettle",)}, True),
        ({"lang": "zh"}, True),
        ({"id": "n2"}, False),
        ({"hashtags": ("coffee",)}, False),
        ({"extra": {"split": "test"}}, False),
        ({"created_at": "2024-01-01T00:00:00Z"}, False),
    ],
)
def test_digest_changes_with_what_is_shown_only(change: dict[str, Any], shown: bool) -> None:
    changed = Note(**(NOTE.model_dump() | change))
    assert (changed.digest != NOTE.digest) is shown


def test_digest_tells_where_fields_end() -> None:
    assert Note(id="n", title="ab", content="c").digest != Note(id="n", title="a", content="bc").digest
    assert Note(id="n", images=("a", "b")).digest != Note(id="n", images=("a,b",)).digest


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], (1, 2), True),
        ([1, 2], [2, 1], False),
        ("1", 1, False),
        ("é", "e\u0301", False),
        ("\ud800", "?", False),
    ],
)
def test_digest_is_of_the_value_not_of_its_writing(left: object, right: object, same: bool) -> None:
    assert (digest_of(left) == digest_of(right)) is same
    assert len(digest_of(left)) == 32


def test_text_is_title_and_content() -> None:
    assert [Note(id="n", title=t, content=c).text for t, c in (("a", "b"), ("a", ""), ("", "b"), ("", ""))] == [
        "a\nb",
        "a",
        "b",
        "",
    ]


@pytest.mark.parametrize(
    "record",
    [
        NOTE,
        Interaction(user_id="u", note_id="n", kind="search", query="滤杯"),
        Reject(source="a.jsonl", line=3, reason="broken_json", message="…"),
        Failure(note_id="n", step="draft", reason="unparsed", message="…", answer={"raw": ["text", None, 1.5]}),
        Trace(
            note_id="n",
            note_digest="d",
            lang="en",
            category="",
            steps=(StepRecord(name="draft", program="scripted", request=[{"role": "user"}]),),
            tags=(FinalTag(tag="pour over", confidence=0.9),),
            teacher="scripted",
            model="scripted",
        ),
    ],
    ids=lambda record: type(record).__name__,
)
def test_what_is_written_is_read_back(record: Record) -> None:
    assert type(record).model_validate_json(record.model_dump_json()) == record
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(record).model_validate(record.model_dump() | {"unknown": 1})


def test_a_copy_with_other_fields_computes_its_digest_anew() -> None:
    note = Note(id="1", title="night view")
    before = note.digest
    assert note.model_copy(update={"title": "day view"}).digest != before
    assert note.model_copy().digest == before
