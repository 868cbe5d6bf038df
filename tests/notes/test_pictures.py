"""Pictures: every mode comes out upright, on white, within the policy's square; the last ones are kept."""

import base64
import hashlib
import io
import random
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from notes.pictures import Picture, PicturePolicy, PictureStore, Refused, decode

RED, WHITE = (255, 0, 0), (255, 255, 255)


def _encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _opened(data: bytes, policy: PicturePolicy | None = None) -> tuple[Picture, Image.Image]:
    picture = decode(data, policy or PicturePolicy())
    assert picture.image is not None
    assert picture.image.mode == "RGB"
    return picture, picture.image


def _near(found: object, expected: tuple[int, int, int]) -> bool:
    assert isinstance(found, tuple)
    return all(abs(a - b) <= 12 for a, b in zip(found, expected, strict=True))


def _palette(transparency: bool) -> bytes:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 255, 255, 0, 0])
    return _encoded(image, "PNG", **({"transparency": 1} if transparency else {}))


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        (_encoded(Image.new("RGB", (8, 8), RED), "JPEG", quality=100), RED),
        (_encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100), RED),
        (_encoded(Image.new("L", (8, 8), 128), "JPEG"), (128, 128, 128)),
        (_encoded(Image.new("RGB", (8, 8), RED), "PNG"), RED),
        (_encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "PNG"), WHITE),
        (_encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 128)), "PNG"), (255, 127, 127)),
        (_encoded(Image.new("LA", (8, 8), (0, 0)), "PNG"), WHITE),
        (_encoded(Image.new("1", (8, 8), 1), "PNG"), WHITE),
        (_encoded(Image.new("I;16", (8, 8), 65_535), "PNG"), WHITE),
        (_encoded(Image.new("I;16", (8, 8), 32_768), "PNG"), (128, 128, 128)),
        (_encoded(Image.new("RGB", (8, 8), RED), "PNG", transparency=RED), WHITE),
        (_palette(transparency=False), RED),
        (_palette(transparency=True), WHITE),
        (_encoded(Image.new("RGB", (8, 8), RED), "WEBP", lossless=True), RED),
        (_encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "WEBP", lossless=True), WHITE),
        (_encoded(Image.new("RGB", (8, 8), RED), "GIF"), RED),
        (
            _encoded(
                Image.new("RGB", (8, 8), RED), "GIF", save_all=True, append_images=[Image.new("RGB", (8, 8), "blue")]
            ),
            RED,
        ),
    ],
    ids=(
        "jpeg cmyk-jpeg grey-jpeg png clear-png half-clear-png clear-grey-png bits-png white-16-bit-png "
        "grey-16-bit-png key-colour-png palette-png clear-palette-png webp clear-webp gif first-frame-of-gif"
    ).split(),
)
def test_every_mode_comes_out_as_rgb_on_white(data: bytes, colour: tuple[int, int, int]) -> None:
    picture, image = _opened(data)
    assert image.size == (picture.width, picture.height) == (8, 8)
    assert _near(image.getpixel((4, 4)), colour)
    assert picture.digest == hashlib.sha256(data).hexdigest()


_TURNS = (
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.ROTATE_180,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_90,  # a camera held so writes 6
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_270,
)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_is_turned_upright(form: str, orientation: int) -> None:
    upright = Image.new("RGB", (48, 32), "white")
    ImageDraw.Draw(upright).rectangle((0, 0, 15, 15), fill="red")
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying = upright if orientation == 1 else upright.transpose(_TURNS[orientation - 2])
    picture, image = _opened(_encoded(lying, form, exif=exif, quality=100))
    assert image.size == (picture.width, picture.height) == (48, 32)
    corners = [image.getpixel(place) for place in ((6, 6), (42, 6), (6, 26), (42, 26))]
    assert [_near(corner, RED) for corner in corners] == [True, False, False, False]


@pytest.mark.parametrize("value", [0, 9, 65_535])
def test_unknown_orientation_is_none(value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    assert _opened(_encoded(Image.new("RGB", (20, 10)), "JPEG", exif=exif))[1].size == (20, 10)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "MPO"])
@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((100, 80), 100, (100, 80)),
        ((100, 80), 200, (100, 80)),
        ((100, 80), 50, (50, 40)),
        ((80, 100), 50, (40, 50)),
        ((2000, 1500), 64, (64, 48)),
        ((1, 5000), 768, (1, 768)),
        ((5000, 1), 768, (768, 1)),
    ],
)
def test_picture_fits_into_the_square_and_is_never_enlarged(
    form: str, size: tuple[int, int], side: int, expected: tuple[int, int]
) -> None:
    options = {"save_all": True, "append_images": [Image.new("RGB", (8, 8))]} if form == "MPO" else {}
    policy = PicturePolicy(max_side=side)
    picture, image = _opened(_encoded(Image.new("RGB", size, RED), form, **options), policy)
    assert (picture.width, picture.height) == size
    assert image.size == expected
    assert _near(image.getpixel((0, 0)), RED)
    assert picture.policy == policy.name
    assert f"fit{side}" in policy.name


def test_models_are_sent_a_jpeg_without_metadata() -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    told = b"where I live"
    data = _encoded(Image.new("RGB", (30, 20), RED), "JPEG", exif=exif, comment=told, icc_profile=told, xmp=told)
    assert data.count(told) >= 4
    picture, _ = _opened(data)
    assert told not in picture.jpeg
    with Image.open(io.BytesIO(picture.jpeg)) as sent:
        assert (sent.format, sent.size, dict(sent.getexif())) == ("JPEG", (30, 20), {})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_a_picture"),
        (b"\x89PNG\r\n\x1a\n", "not_a_picture"),
        (b"\xff\xd8\xff\xe0", "not_a_picture"),
        (_encoded(Image.new("RGB", (8, 8)), "BMP"), "not_a_picture"),
        (_encoded(Image.new("RGB", (8, 8)), "TIFF"), "not_a_picture"),
        (_encoded(Image.new("RGB", (8, 8)), "ICO", sizes=[(8, 8)]), "not_a_picture"),
        (_encoded(Image.effect_noise((64, 64), 90), "PNG")[:2000], "truncated"),
        (_encoded(Image.new("1", (1001, 1000)), "PNG"), "too_many_pixels"),
    ],
    ids="empty png-head jpeg-head bmp tiff ico cut-png large".split(),
)
def test_what_cannot_be_opened_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        decode(data, PicturePolicy(max_pixels=1_000_000))
    assert refused.value.reason == reason


_NOISE = Image.effect_noise((60, 40), 80)
_EXIF = Image.Exif()
_EXIF[0x0112] = 6


@pytest.mark.parametrize(
    "data",
    [
        _encoded(_NOISE, "JPEG", exif=_EXIF),
        _encoded(_NOISE, "JPEG", progressive=True),
        _encoded(_NOISE.convert("RGBA"), "WEBP"),
        _encoded(_NOISE, "WEBP", lossless=True),
        _encoded(_NOISE.convert("P"), "PNG", transparency=3),
        _encoded(_NOISE, "GIF"),
    ],
    ids="jpeg progressive webp lossless-webp png gif".split(),
)
def test_damage_is_refused_never_raised(data: bytes) -> None:
    chance = random.Random(7)
    outcomes = set()
    for _ in range(300):
        damaged = bytearray(data)
        for place in chance.sample(range(min(len(data), 400)), chance.choice((1, 2, 8))):
            damaged[place] = chance.randrange(256)
        try:
            decode(bytes(damaged[: chance.choice((len(data), chance.randrange(len(data))))]), PicturePolicy())
        except Refused as refused:
            outcomes.add(refused.reason)
    assert outcomes >= {"not_a_picture", "truncated"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(_encoded(Image.new("RGB", (8, 8), (ord(name), 0, 0)), "PNG"))
    return tmp_path


def test_store_keeps_the_last_pictures_opened(folder: Path) -> None:
    store = PictureStore(folder, keep=2)
    a, b = store.open("a.png"), store.open("b.png")
    assert store.open("a.png") is a
    store.open("c.png")
    assert store.open("a.png") is a
    assert store.open("b.png") is not b


def test_store_keeps_refusals_too(folder: Path) -> None:
    store = PictureStore(folder)
    assert store.open("missing.png") is store.open("missing.png")


def test_file_is_measured_before_it_is_read(folder: Path) -> None:
    refused = PictureStore(folder, policy=PicturePolicy(max_bytes=20)).open("a.png").refused
    assert refused is not None
    assert refused.reason == "too_large"


def test_link_inside_the_folder_is_followed(folder: Path) -> None:
    (folder / "link.png").symlink_to("a.png")
    store = PictureStore(folder)
    assert store.open("link.png").digest == store.open("a.png").digest == store.open("x/../a.png").digest


@pytest.mark.parametrize("header", ["data:image/png;base64,", "data:;base64,", "DATA:text/html;base64,"])
def test_data_address_is_read_whatever_it_says_it_is(header: str, folder: Path) -> None:
    data = (folder / "a.png").read_bytes()
    picture = PictureStore(folder).open(header + base64.b64encode(data).decode())
    assert picture.digest == hashlib.sha256(data).hexdigest()
    assert picture.record(3).number == 3
    assert len(picture.record(3).ref) <= 300


def test_data_address_is_measured_before_it_is_decoded(folder: Path) -> None:
    store = PictureStore(folder, policy=PicturePolicy(max_bytes=3000))
    refused = store.open("data:;base64," + "A" * 5000).refused
    assert refused is not None
    assert refused.reason == "too_large"
    assert len(refused.ref) == 300


def test_web_address_is_handed_to_whoever_fetches(folder: Path) -> None:
    asked: list[tuple[str, int]] = []

    def fetch(address: str, max_bytes: int) -> bytes:
        asked.append((address, max_bytes))
        return (folder / "b.png").read_bytes()

    store = PictureStore(folder, policy=PicturePolicy(max_bytes=9000), fetch=fetch)
    assert store.open("https://example.org/b.png").digest == store.open("b.png").digest
    assert asked == [("https://example.org/b.png", 9000)]


def test_example_pictures_all_open(examples: Path, example_pictures: PictureStore) -> None:
    names = [f"images/{path.name}" for path in (examples / "images").iterdir()]
    assert len(names) > 40
    assert not [name for name in names if example_pictures.open(name).refused]
