"""The page in a browser: no error, nothing reaches out, filters and search find, hostile notes are harmless."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notes.records import Note
from tagllm.report import page as pages
from tagllm.report.reporting import make_report
from tests.tagllm.report.conftest import Made
from tests.tagllm.report.made import MARKUP, failure, trace, write_notes, write_run

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no chromium and chromedriver; apt-get install chromium chromium-driver"
)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1300,900"),
)

COLOURS = (
    *("ground", "surface", "raised", "ink", "soft", "first", "second", "good", "warn", "bad", "mark", "mark-ink"),
    *("first-soft", "warn-soft", "bad-soft"),
)


class Browser:
    """Chromium with what the page said and asked for."""

    def __init__(self, profile: Path) -> None:
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service

        options = Options()
        options.binary_location = CHROMIUM or ""
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.driver.set_script_timeout(60)

    def open(self, address: str | Path) -> None:
        """Open a page and wait until its notes are there."""
        self.driver.get("about:blank")
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)
        self.driver.get(address.as_uri() if isinstance(address, Path) else address)
        self.wait("return 'ready' in document.documentElement.dataset")

    def run(self, script: str, *arguments: Any) -> Any:
        """The value of a script in the page."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str) -> None:
        """Until a script is true."""
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.driver, 60, poll_frequency=0.05).until(lambda _: self.run(script))

    def keys(self, *keys: str) -> None:
        """Type into what has the focus."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def listed(self) -> list[str]:
        """Ids of the notes in the list, as far as they are drawn."""
        return self.run(
            "return [...document.querySelectorAll('.item')].map(x => x.querySelector('.item-meta span').textContent)"
        )

    def search(self, name: str, text: str) -> None:
        """Type into a field, or choose in a list, as its user would; wait until the list has followed."""
        self.run(
            "const i = document.getElementById(arguments[0]); i.value = arguments[1];"
            "i.dispatchEvent(new Event(i.tagName === 'SELECT' ? 'change' : 'input', {bubbles: true}));",
            name,
            text,
        )
        self.driver.execute_async_script("setTimeout(arguments[0], 250)")

    def detail(self) -> str:
        """Text of the chosen note."""
        return self.run("return document.getElementById('detail').textContent")

    def said(self) -> list[str]:
        """Console messages since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses that were asked for since the page was opened."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        assert sent, "no request was seen, not even that for the page: nothing to check"
        return [address[:200] for address in sent if not address.startswith("data:")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One for all tests here."""
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.driver.quit()


@pytest.fixture(scope="module")
def page(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the first run."""
    out = tmp_path_factory.mktemp("pages") / "first.html"
    make_report([made.first], out, resamples=20)
    return out


@pytest.fixture(scope="module")
def pair(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of both runs, its data packed."""
    out = tmp_path_factory.mktemp("pages") / "pair.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "PLAIN_BYTES", 0)
        make_report([made.first, made.second], out, resamples=20)
    return out


def each_note(browser: Browser) -> Iterator[str]:
    """Chooses every listed note in turn and opens all that can be unfolded; the id of each."""
    for number, id in enumerate(browser.listed()):
        browser.run("document.getElementById(`item-${arguments[0]}`).click()", number)
        browser.wait(f"return document.querySelector('#detail code')?.textContent === {json.dumps(id)}")
        browser.run("for (const part of document.querySelectorAll('details')) part.open = true")
        yield id


@pytest.mark.parametrize("which", ["page", "pair"])
def test_the_page_says_no_error_asks_for_nothing_and_runs_nothing_of_a_note(
    browser: Browser, which: str, request: pytest.FixtureRequest
) -> None:
    file: Path = request.getfixturevalue(which)
    browser.open(file)
    assert sorted(each_note(browser)) == ["hk", "long", "lost", "markup", "night"]
    assert browser.run("return window.hit") is None
    assert browser.run("return [...document.images].map(x => x.src.slice(0, 11)).every(x => x === 'data:image/')")
    assert browser.run("return document.scripts.length") == browser.run(
        "return document.querySelectorAll('script[type=\"application/json\"]').length + 1"
    )
    assert browser.said() == []
    assert browser.requests() == [file.as_uri()]


def test_markup_of_a_note_is_shown_as_its_text(browser: Browser, page: Path, made: Made) -> None:
    browser.open(page)
    browser.search("search", "window.hit")
    assert browser.listed() == ["markup"]
    assert made.notes[1].title in browser.run("return document.querySelector('.note-title').textContent")
    assert browser.run("return document.querySelectorAll('#detail s')[0].textContent").startswith("</script>")


def test_the_policy_stops_what_should_get_in_nevertheless(browser: Browser, page: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        browser.open(page)
        browser.driver.execute_async_script(
            """
            const [to, done] = [`http://127.0.0.1:${arguments[0]}`, arguments[1]];
            const box = document.createElement("div");
            box.innerHTML = `<img src="${to}/img" onerror="window.hit = 2"><link rel=stylesheet href="${to}/css">`
              + `<p style="background: url(${to}/style)">`;
            document.body.append(box);
            const script = document.createElement("script");
            script.textContent = "window.hit = 3";
            document.body.append(script);
            const other = document.createElement("script");
            other.src = `${to}/script`;
            document.body.append(other);
            navigator.sendBeacon(`${to}/beacon`, "x");
            fetch(`${to}/fetch`, {mode: "no-cors"}).catch(() => 0).finally(() => setTimeout(done, 300));
            """,
            server.getsockname()[1],
        )
        with pytest.raises(BlockingIOError):  # nobody has come
            server.accept()
    assert browser.run("return window.hit") is None
    assert any("Content Security Policy" in message for message in browser.said())


@pytest.mark.parametrize(
    ("field", "value", "ids"),
    [
        ("search", "bridge NIGHT", ["night"]),
        ("search", "維港夜景", ["hk"]),
        ("search", "中環", ["hk"]),
        ("search", "nothing at all", []),
        ("search", "ｂｒｉｄｇｅ", ["night"]),
        ("filter-tag", "bridge", ["night"]),
        ("filter-tag", "bri", ["night"]),
        ("filter-category", "=home", ["lost"]),
        ("filter-status", "failed", ["lost"]),
        ("filter-status", "failed:unparsed", ["lost"]),
        ("filter-status", "tagged", ["night", "markup", "long", "hk"]),
        ("filter-interest", MARKUP, ["markup"]),
        ("filter-sort", "milliseconds", ["hk", "night", "markup", "long", "lost"]),
        ("filter-sort", "confidence", ["night", "hk", "markup", "long", "lost"]),
    ],
)
def test_notes_are_found(browser: Browser, page: Path, field: str, value: str, ids: list[str]) -> None:
    browser.open(page)
    if field == "filter-interest":
        value = browser.run(
            "return [...document.getElementById('filter-interest').options].find(x => x.value.startsWith('</')).value"
        )
    browser.search(field, value)
    assert browser.listed() == ids
    count = browser.run("return document.getElementById('count').textContent")
    assert count.startswith("5 notes." if len(ids) == 5 else f"{len(ids)} of 5 notes.")
    if not ids:
        assert "No note fits" in browser.detail()


def test_the_numbers_lead_to_their_notes(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run("document.querySelector('button.sum.failed').click()")
    assert browser.listed() == ["lost"]
    browser.run("[...document.querySelectorAll('.bars button')].find(x => x.textContent.includes('bridge')).click()")
    assert browser.listed() == ["night"]
    browser.run("document.getElementById('clear').click()")
    assert len(browser.listed()) == 5


def test_the_keyboard_reaches_everything(browser: Browser, page: Path) -> None:
    browser.open(page)
    title = "return document.querySelector('.item.chosen .item-meta span').textContent"
    assert browser.run(title) == "night"
    browser.keys("j", "j")
    assert browser.run(title) == "long"
    browser.keys("k")
    assert browser.run(title) == "markup"
    browser.keys("/", "碼頭")
    browser.wait("return document.querySelectorAll('.item').length === 1")
    assert browser.run("return document.activeElement.id") == "search"
    browser.keys("\ue00c")
    assert browser.run("return document.activeElement.id") != "search"
    browser.keys("\ue00c")
    browser.wait("return document.querySelectorAll('.item').length === 5")
    browser.keys("?")
    assert browser.run("return document.getElementById('help').open")
    browser.keys("\ue00c")
    assert not browser.run("return document.getElementById('help').open")
    browser.keys("n", "\ue015")
    assert browser.run("return document.activeElement.getAttribute('aria-activedescendant')").startswith("item-")
    ground = "return getComputedStyle(document.body).backgroundColor"
    before = browser.run(ground)
    browser.keys("t")
    assert browser.run(ground) != before


def test_evidence_is_marked_and_drafts_are_struck_through_with_their_reason(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.wait("return document.querySelectorAll('#detail mark').length > 0")
    assert "Marina Bay night view" in browser.run(
        "return [...document.querySelectorAll('.note-title mark')].map(x => x.textContent)"
    )
    assert browser.run("return [...document.querySelectorAll('.content mark')].map(x => x.textContent)") == ["bridge"]
    gone = browser.run("return document.querySelector('.gone').textContent")
    assert browser.run("return document.querySelector('.gone s').textContent") == "view"
    assert "too general: in every note" in gone
    assert browser.run("return document.querySelector('#detail img').naturalWidth") == 480
    assert "outside" in browser.detail()
    assert [browser.run("return [...document.querySelectorAll('.step summary b')].map(x => x.textContent)")] == [
        ["retrieve", "describe", "match", "draft", "dedupe", "refine"]
    ]


def test_two_runs_show_what_only_one_of_them_has_and_why(browser: Browser, pair: Path) -> None:
    browser.open(pair)
    browser.wait("return document.querySelectorAll('.group').length === 3")
    groups = browser.run("return [...document.querySelectorAll('.group')].map(x => x.textContent)")
    assert "bridge" in groups[0]
    assert "B: dropped: too general" in groups[0]
    assert "skyline" in groups[1]
    assert "A: not drafted" in groups[1]
    assert "Marina Bay night view" in groups[2]
    for change, ids in (("changed", {"night", "hk", "lost"}), ("failed-b", {"hk"}), ("same", {"markup", "long"})):
        browser.search("filter-change", change)
        assert set(browser.listed()) == ids


def test_a_note_can_be_linked_to(browser: Browser, page: Path) -> None:
    browser.open(f"{page.as_uri()}#note=hk")
    assert browser.run("return document.querySelector('.note-title').textContent") == "天星小輪加中環散步"


@pytest.mark.parametrize("which", ["page", "pair"])
def test_a_narrow_window_does_not_scroll_sideways(browser: Browser, which: str, request: pytest.FixtureRequest) -> None:
    browser.open(request.getfixturevalue(which))
    size = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for _ in each_note(browser):
            assert browser.run("const root = document.documentElement; return root.scrollWidth - root.clientWidth") == 0
            assert browser.run("return getComputedStyle(document.getElementById('list')).display") == "none"
            browser.run("document.querySelector('.back').click()")
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_colours_can_be_read_in_light_and_dark(browser: Browser, page: Path) -> None:
    browser.open(page)
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.run("delete document.documentElement.dataset.theme")
        found: dict[str, str] = browser.run(
            "const s = getComputedStyle(document.documentElement);"
            "return Object.fromEntries(arguments[0].map(n => [n, s.getPropertyValue('--' + n).trim()]))",
            list(COLOURS),
        )
        pairs = [(ink, ground) for ink in ("ink", "soft") for ground in ("ground", "surface", "raised", "first-soft")]
        pairs += [(ink, "surface") for ink in ("first", "second", "good", "warn", "bad")]
        pairs += [("mark-ink", "mark"), ("warn", "warn-soft"), ("bad", "bad-soft"), ("ink", "bad-soft")]
        poor = {pair: ratio for pair in pairs if (ratio := contrast(found[pair[0]], found[pair[1]])) < 4.5}
        assert not poor, scheme
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two `#rrggbb` colours."""

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_many_notes_are_listed_without_drawing_them_all(browser: Browser, tmp_path: Path) -> None:
    given = [Note(id=f"n{i}", title=f"note {i}", content="words " * 20, category=f"c{i % 9}") for i in range(1200)]
    notes = write_notes(tmp_path / "notes.jsonl", given)
    outcomes = [failure(note) if i % 100 == 0 else trace(note, ["words", f"tag {i}"]) for i, note in enumerate(notes)]
    make_report([write_run(tmp_path / "run", tmp_path / "notes.jsonl", outcomes)], tmp_path / "p.html", resamples=5)
    browser.open(tmp_path / "p.html")
    assert browser.run("return document.getElementById('count').textContent") == "1,200 notes."
    assert browser.run("return document.querySelectorAll('.item').length") < 60
    browser.search("filter-tag", "tag 1199")
    assert browser.listed() == ["n1199"]
    browser.run("document.getElementById('clear').click()")
    browser.run("document.getElementById('list').scrollTop = 1e9")
    browser.wait("return [...document.querySelectorAll('.item-meta span')].some(x => x.textContent === 'n1199')")
    assert browser.said() == []


def test_notes_that_one_run_lacks_or_nobody_can_read_are_shown_for_what_they_are(
    browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "notes.jsonl"
    notes = write_notes(file, [Note(id=f"n{i}", title=f"title {i}", content="words") for i in range(4)])
    runs = [
        write_run(tmp_path / "a", file, [trace(notes[0], ["words"]), failure(notes[1]), trace(notes[3], ["words"])]),
        write_run(tmp_path / "b", file, [failure(notes[1]), trace(notes[2], ["words"]), trace(notes[3], [])]),
    ]
    write_notes(file, [notes[0], notes[1], notes[2].model_copy(update={"content": "other words"})])
    make_report(runs, tmp_path / "pair.html", resamples=5)
    make_report(runs[1:], tmp_path / "one.html", resamples=5)
    browser.open(tmp_path / "pair.html")
    seen = {}
    for id in each_note(browser):
        seen[id] = browser.detail()
    assert "This run has nothing of the note." in seen["n0"]
    assert "The note has changed since run B" in seen["n2"]
    assert "The note could not be read again" in seen["n3"]
    for change, ids in (("only-a", ["n0"]), ("only-b", ["n2"]), ("changed", ["n0", "n2", "n3"])):
        browser.search("filter-change", change)
        assert browser.listed() == ids
    browser.open(tmp_path / "one.html")
    assert len(list(each_note(browser))) == 3
    assert browser.run("return document.querySelector('.alert').textContent.includes('could not be read again')")
    assert browser.said() == []
