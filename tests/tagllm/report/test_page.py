"""The file as text: nothing of a note is markup, nothing reaches out, its size is bounded."""

import base64
import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from tagllm.report import page as pages
from tagllm.report.page import Page, as_json, shell, unpacked_json
from tagllm.report.reporting import make_report
from tests.tagllm.report.conftest import Made
from tests.tagllm.report.made import LONG, MARKUP, data_of, heads_of

HOSTILE = [MARKUP, LONG, "<!--<script>", "]]>", "\u2028\u2029", "</SCRIPT >", "天星小輪", "\ud800", "\x00\x1b\u202e"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_value_can_end_its_block_and_all_are_read_back(text: str) -> None:
    written = as_json({"key": text, text: [text]})
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == {"key": text, text: [text]}


def test_numbers_that_json_cannot_write_are_errors() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json(float("nan"))


def test_the_policy_allows_this_script_and_style_and_nothing_else() -> None:
    text = shell()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    for name in ("script", "style"):
        (inside,) = re.findall(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert rules[f"{name}-src"] == f"'sha256-{digest}'"
    assert text.index("Content-Security-Policy") < min(text.index("<style"), text.index("<script"), text.index("<link"))


def test_our_own_code_never_reads_data_as_markup_or_code_and_names_no_address() -> None:
    parts = [
        part for part in (files("tagllm.report") / "web").iterdir() if part.name.endswith((".js", ".html", ".css"))
    ]
    assert len(parts) > 5
    for part in parts:
        text = part.read_text("utf-8")
        for wrong in (
            *(
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "DOMParser",
                "createContextualFragment",
            ),
            *("eval(", "new Function", "fetch(", "XMLHttpRequest", "WebSocket", "import(", "sendBeacon", "srcdoc"),
            *("url(", "@import", 'setAttribute("style', "target=", "javascript:"),
        ):
            assert wrong not in text, f"{part.name}: {wrong}"
        addresses = set(re.findall(r"\w+://[^\"'\s]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}, f"{part.name}: {addresses}"


@pytest.mark.parametrize("pair", [False, True])
def test_a_page_holds_hostile_notes_as_data_only(made: Made, tmp_path: Path, pair: bool) -> None:
    out = tmp_path / "page.html"
    make_report([made.first, made.second] if pair else [made.first], out, resamples=10)
    text = out.read_text("utf-8")
    assert "window.hit" in text
    assert "<script>window.hit" not in text
    assert "<img" not in text
    kinds = re.findall(r"<script([^>]*)>", text)
    assert [kind for kind in kinds if "application/json" not in kind] == [""], "our own script, and data"
    head = next(head for head in heads_of(out) if head["id"] == "markup")
    assert head["title"]["text"] == made.notes[1].title
    assert head["content"]["text"] == made.notes[1].content
    assert "<script>" in made.notes[1].title


def test_a_title_is_no_markup(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    Page(budget=1000).write(out, {"runs": []}, title="<b>&x</title>")
    assert "<title>&lt;b&gt;&amp;x&lt;/title&gt;</title>" in out.read_text("utf-8")


def test_plain_and_packed_data_say_the_same(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_report([made.first], tmp_path / "plain.html", resamples=10)
    monkeypatch.setattr(pages, "PLAIN_BYTES", 0)
    make_report([made.first], tmp_path / "packed.html", resamples=10)
    plain, packed = ((tmp_path / name).read_text("utf-8") for name in ("plain.html", "packed.html"))
    assert "Marina Bay night view" in plain
    assert '"H4sI' in packed
    assert '"H4sI' not in plain
    assert heads_of(tmp_path / "plain.html") == heads_of(tmp_path / "packed.html")
    assert data_of(tmp_path / "plain.html", "details-0") == data_of(tmp_path / "packed.html", "details-0")


def test_a_page_is_full_before_its_budget_is_overrun() -> None:
    page = Page(budget=1_000_000)
    noise = hashlib.shake_256(b"noise")
    while not page.full:
        noise.update(b".")
        page.add({"id": page.notes}, {"picture": base64.b64encode(noise.digest(40_000)).decode()})
    assert page.notes > 10
    page._details.close()
    assert page._details.bytes < 2_000_000


def test_an_old_page_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    out.write_text("old")
    with pytest.raises(ValueError, match="not JSON compliant"):
        Page(budget=1000).write(out, {"value": float("inf")}, title="x")
    assert out.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]


def test_packed_data_is_the_same_every_time() -> None:
    text = as_json([MARKUP] * 50)
    assert pages.packed_json(text) == pages.packed_json(text)
    assert unpacked_json(pages.packed_json(text)) == text
