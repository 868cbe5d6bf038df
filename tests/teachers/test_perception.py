"""Reading pictures: text, colours and shape, each picture once, several at a time, nothing too small or too long."""

import asyncio
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from notes.pictures import Picture, PictureStore
from notes.records import PictureRefusal
from teachers.embedded import Perceiver, Perception
from teachers.embedded import perception as perception_file
from teachers.embedded.perception import dominant_colours, look_at, read_text
from teachers.store import JsonStore


def _drawn(*lines: str, size: tuple[int, int] = (640, 320), letters: int = 48, ground: str = "white") -> Image.Image:
    image = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((30, 30 + number * letters * 1.6), line, fill="black", font=ImageFont.load_default(letters))
    return image


def _picture(image: Image.Image, ref: str = "a.png", policy: str = "p") -> Picture:
    digest = hashlib.sha256(image.tobytes() + str(image.size).encode()).hexdigest()
    return Picture(ref=ref, digest=digest, width=image.width, height=image.height, policy=policy, image=image)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The sizes of the pictures that are looked at, without reading them."""
    seen: list[tuple[int, int]] = []

    def look(image: Image.Image) -> Perception:
        seen.append(image.size)
        return Perception(lines=(), colours=("white",), shape="square")

    monkeypatch.setattr(perception_file, "look_at", look)
    return seen


def test_text_of_a_drawn_picture_is_read_from_top_to_bottom(perceiver: Perceiver) -> None:
    seen = perceiver.perceive(_picture(_drawn("Capsule hotel", "S$38 per night")))
    assert [line.text.replace(" ", "") for line in seen.lines] == ["Capsulehotel", "S$38pernight"]
    assert seen.text == "\n".join(line.text for line in seen.lines)
    assert all(0.5 < line.score <= 1 and 0.05 < line.height < 0.4 for line in seen.lines)
    assert seen.colours[0] == "white"
    assert seen.shape == "landscape"


def test_example_picture_is_read(perceiver: Perceiver, example_pictures: PictureStore) -> None:
    seen = perceiver.perceive(example_pictures.open("images/sg-night-3d-2.png"))
    assert len(seen.text) > 20


def test_blank_picture_has_no_text(perceiver: Perceiver) -> None:
    for ground in ("white", "black", "#2d69cd"):
        assert perceiver.perceive(_picture(Image.new("RGB", (200, 200), ground))).lines == ()


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((100, 100), "square"),
        ((109, 100), "square"),
        ((150, 100), "landscape"),
        ((100, 150), "portrait"),
        ((300, 100), "panorama"),
        ((100, 300), "panorama"),
        ((1, 1), "square"),
        ((1, 768), "panorama"),
    ],
)
def test_shape(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], shape: str) -> None:
    monkeypatch.setattr(perception_file, "read_text", lambda image: ())
    assert look_at(Image.new("RGB", size)).shape == shape


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ("#ffffff", "white"),
        ("#000000", "black"),
        ("#cc2222", "red"),
        ("#3c9641", "green"),
        ("#2d69cd", "blue"),
        ("#f5d741", "yellow"),
        ("#f0a5be", "pink"),
        ("#784b28", "brown"),
        ("#919191", "grey"),
    ],
)
def test_colour_has_its_name(colour: str, name: str) -> None:
    assert dominant_colours(Image.new("RGB", (64, 64), colour)) == (name,)


def test_colours_come_largest_first_and_small_spots_do_not_count() -> None:
    image = Image.new("RGB", (80, 80), "#2d69cd")
    image.paste(Image.new("RGB", (80, 24), "#f5d741"), (0, 0))
    image.paste(Image.new("RGB", (8, 8), "#cc2222"), (60, 60))
    assert dominant_colours(image) == ("blue", "yellow")
    assert dominant_colours(image, most=1) == ("blue",)


def test_picture_of_many_colours_still_has_one() -> None:
    image = Image.new("RGB", (64, 64))
    image.putdata([(x * 4, y * 4, (x * y) % 256) for y in range(64) for x in range(64)])
    assert len(dominant_colours(image)) >= 1


@pytest.mark.parametrize("size", [(1, 1), (11, 400), (400, 11), (3, 3)])
def test_picture_too_small_for_letters_is_not_read(size: tuple[int, int]) -> None:
    assert read_text(Image.new("RGB", size, "white")) == ()


@pytest.mark.parametrize("size", [(768, 24), (24, 768), (12, 12), (768, 12)])
def test_very_long_and_tiny_pictures_are_looked_at(perceiver: Perceiver, size: tuple[int, int]) -> None:
    seen = perceiver.perceive(_picture(Image.new("RGB", size, "#3c9641")))
    assert seen.colours == ("green",)
    assert seen.lines == ()


def test_text_on_a_long_strip_is_read(perceiver: Perceiver) -> None:
    seen = perceiver.perceive(_picture(_drawn("Night market", size=(768, 80), letters=40).crop((0, 20, 768, 100))))
    assert "night" in seen.text.lower()
    assert all(line.height <= 1.2 for line in seen.lines)


def test_refused_picture_cannot_be_perceived(perceiver: Perceiver) -> None:
    refused = Picture(ref="a.jpg", refused=PictureRefusal(ref="a.jpg", reason="not_found", message="gone"))
    with pytest.raises(ValueError, match=r"a\.jpg: refused, there is nothing to perceive"):
        perceiver.perceive(refused)
    with pytest.raises(ValueError, match="refused"):
        asyncio.run(perceiver.aperceive(refused))


def test_picture_is_perceived_once(looks: list[tuple[int, int]]) -> None:
    fresh = Perceiver()
    image = Image.new("RGB", (20, 30))
    first = fresh.perceive(_picture(image, "a.png"))
    assert fresh.perceive(_picture(image, "copy.png")) is first
    assert asyncio.run(fresh.aperceive(_picture(image))) is first
    assert (looks, fresh.perceived) == ([(20, 30)], 1)


def test_picture_resized_otherwise_is_another(looks: list[tuple[int, int]]) -> None:
    fresh = Perceiver()
    image = Image.new("RGB", (20, 30))
    fresh.perceive(_picture(image, policy="fit768"))
    fresh.perceive(_picture(image, policy="fit384"))
    assert fresh.perceived == len(looks) == 2


def test_second_perceiver_finds_it_in_the_store(tmp_path: Path) -> None:
    picture = _picture(_drawn("Open daily"))
    first = Perceiver(JsonStore(tmp_path / "store"))
    seen = first.perceive(picture)
    assert first.perceived == 1
    second = Perceiver(JsonStore(tmp_path / "store"))
    assert second.perceive(picture) == seen
    assert second.perceived == 0


def test_pictures_asked_for_at_once_are_perceived_once_each(looks: list[tuple[int, int]]) -> None:
    fresh = Perceiver()
    pictures = [_picture(Image.new("RGB", (10 + n % 5, 10))) for n in range(40)]

    async def together() -> list[Perception]:
        return await asyncio.gather(*(fresh.aperceive(picture) for picture in pictures))

    assert len(asyncio.run(together())) == 40
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(fresh.perceive, pictures))) == 40
    assert sorted(looks) == [(10 + n, 10) for n in range(5)]
    assert fresh.perceived == 5


def test_pictures_read_at_once_are_read_as_alone(perceiver: Perceiver) -> None:
    words = ["Sourdough", "Harbour", "Keyboard", "Tomato"]
    images = [_drawn(word, size=(360, 120)) for word in words]

    async def together() -> list[Perception]:
        return await asyncio.gather(*(perceiver.aperceive(_picture(image)) for image in images))

    assert [seen.text for seen in asyncio.run(together())] == words
    assert [look_at(image).text for image in images] == words


def test_failure_reaches_its_waiters_and_the_next_call_tries_again(
    monkeypatch: pytest.MonkeyPatch, looks: list[tuple[int, int]]
) -> None:
    works = perception_file.look_at
    monkeypatch.setattr(perception_file, "look_at", lambda image: (_ for _ in ()).throw(RuntimeError("reader broke")))
    fresh = Perceiver()
    picture = _picture(Image.new("RGB", (20, 20)))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="reader broke"):
            fresh.perceive(picture)
    monkeypatch.setattr(perception_file, "look_at", works)
    assert fresh.perceive(picture).shape == "square"
    assert len(looks) == 1


def test_waiter_that_is_cancelled_hurts_nobody_else(
    monkeypatch: pytest.MonkeyPatch, looks: list[tuple[int, int]]
) -> None:
    works, leave = perception_file.look_at, threading.Event()

    def wait(image: Image.Image) -> Perception:
        assert leave.wait(30)
        return works(image)

    monkeypatch.setattr(perception_file, "look_at", wait)
    fresh = Perceiver()
    picture = _picture(Image.new("RGB", (20, 20)))
    busy = [_picture(Image.new("RGB", (30 + n, 20))) for n in range(4)]

    async def ask() -> Perception:
        others = [asyncio.ensure_future(fresh.aperceive(one)) for one in busy]
        first = asyncio.ensure_future(fresh.aperceive(picture))
        second = asyncio.ensure_future(fresh.aperceive(picture))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        leave.set()
        await asyncio.gather(*others)
        return await second

    assert asyncio.run(ask()).colours == ("white",)
    assert fresh.perceived == 5


def test_perceptions_in_memory_are_bounded(looks: list[tuple[int, int]]) -> None:
    few = Perceiver(keep=2)
    pictures = [_picture(Image.new("RGB", (10 + n, 10))) for n in range(5)]
    for picture in pictures:
        few.perceive(picture)
    few.perceive(pictures[-1])
    assert few.perceived == 5
    few.perceive(pictures[0])
    assert few.perceived == 6
    assert len(few._known) == 2
