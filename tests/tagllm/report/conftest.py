"""Two runs over the same notes, with everything in them that has hurt pages."""

from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from notes.pictures import PictureStore
from notes.records import Note
from tests.tagllm.report.made import LONG, MARKUP, failure, reject, trace, write_notes, write_run


class Made(NamedTuple):
    """Folders of runs, and the notes they are over."""

    first: Path
    second: Path
    notes: list[Note]
    file: Path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Markup, a title of 10,000 characters, Chinese, emoji, failures, pictures that were opened and refused."""
    root = tmp_path_factory.mktemp("report")
    (root / "images").mkdir()
    Image.new("RGB", (640, 480), "teal").save(root / "images" / "bay.jpg")
    file = root / "notes.jsonl"
    notes = write_notes(
        file,
        [
            Note(
                id="night",
                title="🌃 Marina Bay night view",
                content="The  night view\nfrom the bridge. " * 3,
                images=("images/bay.jpg", "../outside.jpg"),
                category="travel",
                hashtags=("singapore", "night view"),
            ),
            Note(id="markup", title=MARKUP, content=MARKUP, category=MARKUP, hashtags=(MARKUP,)),
            Note(id="long", title=LONG, content="A title without an end.", category="travel"),
            Note(id="hk", title="天星小輪加中環散步", content="一晚看完維港夜景，碼頭的風很舒服。", category="travel"),
            Note(id="lost", title="No tags for this one", content="A note about nothing.", category="home"),
        ],
    )
    night, markup, long, hk, lost = notes
    pictures = PictureStore(root)
    first = [
        trace(night, ["Marina Bay night view", "bridge"], dropped=["view"], pictures=pictures),
        trace(markup, [MARKUP], dropped=[f"{MARKUP}2"], interest=MARKUP, request={"messages": [{"content": MARKUP}]}),
        trace(long, ["end"]),
        trace(hk, ["维港夜景", "碼頭"], milliseconds=700.0),
        failure(lost, message=MARKUP, answer=MARKUP),
    ]
    second = [
        trace(night, ["marina bay night views", "skyline"], dropped=["bridge"], pictures=pictures),
        trace(markup, [MARKUP], interest=MARKUP),
        trace(long, ["end"]),
        failure(hk, reason="timeout", step=None, message="no answer", answer=None),
        trace(lost, ["nothing"]),
    ]
    rejects = [reject(7, id=MARKUP[:80]), reject(8, "duplicate_id", id="night")]
    return Made(
        write_run(root / "first", file, first, rejects, configuration={"teacher": "made", "limits": {"max_tags": 8}}),
        write_run(root / "second", file, second, rejects, configuration={"teacher": "made", "limits": {"max_tags": 5}}),
        notes,
        file,
    )
