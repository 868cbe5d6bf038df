"""The HTML file: our words and code, and the data as JSON that is never read as markup.

The policy in its head allows exactly the style and the script written here, and pictures that lie in the file; nothing
else is loaded, sent or run. What notes and models say reaches the document as text only.
"""

import base64
import functools
import gzip
import hashlib
import html
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

FORMAT = "tagllm-report/1"
_STYLES = ("style.css",)
_SCRIPTS = ("elements.js", "words.js", "data.js", "plots.js", "overview.js", "details.js", "browser.js", "start.js")
_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_ESCAPES = str.maketrans(_IN_SCRIPT)
PLAIN_BYTES = 4_000_000
"""Data up to this size is left readable for other tools; more is compressed."""
_HEADS, _DETAILS = 512, 32
"""Notes a chunk."""
_CHUNK = 1_000_000
"""Characters from which a chunk is closed, however few notes it holds."""


def as_json(value: Any) -> str:
    """JSON for a `<script>` block: no character in it can end the block or begin a tag or a comment.

    Raises:
        ValueError: it holds a number that JSON cannot write.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


@dataclass(kw_only=True)
class _Chunks:
    """Values of one kind, a list of them at a time."""

    kind: str
    """Name of their blocks in the page."""
    size: int
    """Values of a chunk at most."""
    done: list[str] = field(default_factory=list)
    """Packed."""
    open: list[str] = field(default_factory=list)
    """JSON of the values that are not in a chunk yet."""
    bytes: int = 0
    """Of the chunks that are done."""
    raw: int = 0
    """Bytes of all values as they are."""
    waiting: int = 0
    """Characters of the values in `open`."""

    def add(self, value: Any) -> tuple[int, int]:
        """Add a value; the number of the chunk that it is in, and its place there."""
        text = as_json(value)
        self.raw += len(text.encode("utf-8", "replace"))
        at = (len(self.done), len(self.open))
        self.open.append(text)
        self.waiting += len(text)
        if len(self.open) == self.size or self.waiting > _CHUNK:
            self.close()
        return at

    def close(self) -> None:
        """Pack what is open."""
        self.waiting = 0
        if self.open:
            packed = packed_json(f"[{','.join(self.open)}]")
            self.bytes += len(packed)
            self.done.append(packed)
            self.open = []

    def blocks(self, *, plain: bool) -> Iterator[str]:
        """Script blocks, one a chunk."""
        for number, chunk in enumerate(self.done):
            data = unpacked_json(chunk) if plain else f'"{chunk}"'
            yield f'<script type="application/json" id="{self.kind}-{number}">{data}</script>\n'


def packed_json(text: str) -> str:
    """JSON as the page unpacks it: gzip, then base64."""
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), 6, mtime=0)).decode()


def unpacked_json(packed: str) -> str:
    """What `packed_json` packed."""
    return gzip.decompress(base64.b64decode(packed)).decode()


class Page:
    """A page that notes are added to until its room is spent.

    Args:
        budget: Bytes of the notes.
    """

    def __init__(self, *, budget: int) -> None:
        self._budget = budget
        self._heads = _Chunks(kind="heads", size=_HEADS)
        self._details = _Chunks(kind="details", size=_DETAILS)
        self.notes = 0

    @property
    def full(self) -> bool:
        """Whether no further note has room."""
        return sum(part.bytes + part.waiting // 2 for part in (self._heads, self._details)) >= self._budget

    def add(self, head: dict[str, Any], details: dict[str, Any]) -> None:
        """One note."""
        chunk, place = self._details.add(details)
        self._heads.add(head | {"details": [chunk, place]})
        self.notes += 1

    def write(self, path: Path, facts: dict[str, Any], *, title: str) -> int:
        """Write the file; what stood there is replaced once the new one is complete.

        Args:
            path: Of the HTML file.
            facts: What the page begins with.
            title: Of the window.

        Returns:
            Its size in bytes.

        Raises:
            OSError: it cannot be written.
        """
        self._heads.close()
        self._details.close()
        plain = self._heads.raw + self._details.raw <= min(PLAIN_BYTES, self._budget)
        begin, end = shell().split("<!-- data -->")
        chunks = {"heads": len(self._heads.done), "details": len(self._details.done)}
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(prefix=f".{path.name[:60]}-", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="\n") as file:
                file.write(begin.replace("<!-- title -->", html.escape(title)))
                data = as_json(facts | {"format": FORMAT, "chunks": chunks})
                file.write(f'<script type="application/json" id="facts">{data}</script>\n')
                for part in (self._heads, self._details):
                    file.writelines(part.blocks(plain=plain))
                file.write(end)
            Path(draft).chmod(0o644)
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)
        return path.stat().st_size


@functools.cache
def shell() -> str:
    """The page without data and title: markup, style and script, and the policy that allows these two alone."""
    style = "".join(_part(name) for name in _STYLES)
    script = '(() => {\n"use strict";\n' + "\n".join(_part(name) for name in _SCRIPTS) + "\n})();\n"
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _part("page.html")
    return page.replace("<!-- policy -->", policy).replace("/* style */", style).replace("/* script */", script)


def _part(name: str) -> str:
    return (files("tagllm.report") / "web" / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
