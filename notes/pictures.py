"""Opening the pictures a note names: safely, upright, resized once.

A reference comes from strangers. It may only lead to a regular file inside the notes' folder, to a `data:` address, or,
where fetching was asked for, to a public web address. Four decoders are allowed (JPEG, PNG, WebP, GIF), sizes are
looked at before pixels are decoded, and every refusal has a reason.
"""

import base64
import hashlib
import io
import os
import stat
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from notes.records import PictureRecord, PictureRefusal, Record, RefusalReason

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")


class PicturePolicy(Record):
    """How pictures are opened; its name stands in every trace."""

    max_side: int = 768
    """Pixels of the longer side after resizing; smaller pictures are left as they are."""
    max_bytes: int = 32 << 20
    max_pixels: int = 80_000_000
    """Of the original: a 16,000 x 5,000 panorama passes, a decompression bomb does not."""
    quality: int = 90
    """JPEG quality of the picture that models are sent."""

    @property
    def name(self) -> str:
        return f"upright-rgb-on-white-fit{self.max_side}-lanczos-jpeg{self.quality}"


@dataclass(frozen=True, eq=False)
class Picture:
    """An opened picture, or why there is none."""

    ref: str
    digest: str = ""
    """SHA-256 of the file's bytes."""
    width: int = 0
    """Pixels of the original, turned upright."""
    height: int = 0
    policy: str = ""
    image: "Image | None" = field(default=None, repr=False)
    """RGB, upright, resized."""
    quality: int = 90
    refused: PictureRefusal | None = None

    @cached_property
    def jpeg(self) -> bytes:
        """The resized picture as JPEG, without metadata.

        Raises:
            ValueError: the picture was refused.
        """
        if self.image is None:
            raise ValueError(f"{self.ref}: refused ({self.refused.reason if self.refused else 'not opened'})")
        buffer = io.BytesIO()
        self.image.save(buffer, "JPEG", quality=self.quality)
        return buffer.getvalue()

    @cached_property
    def data_url(self) -> str:
        """The same as an address that holds it.

        Raises:
            ValueError: the picture was refused.
        """
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode()}"

    def record(self, number: int) -> PictureRecord:
        """What a trace keeps of it."""
        return PictureRecord(
            number=number,
            ref=self.ref[:300],
            digest=self.digest,
            width=self.width,
            height=self.height,
            policy=self.policy,
            refused=self.refused,
        )


class Refused(Exception):
    """A picture may not or cannot be opened."""

    def __init__(self, reason: RefusalReason, message: str) -> None:
        super().__init__(message)
        self.reason: RefusalReason = reason


class PictureStore:
    """Opens the pictures of one input.

    Safe to use from several threads; keeps the last few pictures opened, so that steps that need one again share it.

    Args:
        root: The notes' folder; nothing outside it is ever read.
        policy: Limits and resizing.
        fetch: Gets the bytes behind an `http(s)` address, such as `notes.fetching.Fetcher()`; None: no network.
        keep: Pictures kept open.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        policy: PicturePolicy | None = None,
        fetch: Callable[[str, int], bytes] | None = None,
        keep: int = 32,
    ) -> None:
        self.root = Path(root).resolve()
        self.policy = policy or PicturePolicy()
        self._fetch = fetch
        self._keep = keep
        self._kept: OrderedDict[str, Picture] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, ref: str) -> Picture:
        """Open one picture; never raises for what the reference or the file holds."""
        with self._lock:
            if ref in self._kept:
                self._kept.move_to_end(ref)
                return self._kept[ref]
        try:
            data = self._bytes(ref)
            picture = decode(data, self.policy, ref=ref[:300])
        except Refused as problem:
            refusal = PictureRefusal(ref=ref[:300], reason=problem.reason, message=str(problem)[:500])
            picture = Picture(ref=ref[:300], refused=refusal)
        with self._lock:
            self._kept[ref] = picture
            while len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        return picture

    def _bytes(self, ref: str) -> bytes:
        if not ref.strip() or "\x00" in ref:
            raise Refused("bad_address", "the reference is empty or holds a NUL character")
        scheme, separator, rest = ref.partition(":")
        if separator and len(scheme) > 1 and scheme.isalnum():
            return self._from_address(scheme.lower(), ref, rest)
        if len(ref) > 4096:
            raise Refused("bad_address", f"the path has {len(ref):,} characters, the limit is 4,096")
        if ref.startswith(("/", "\\", "~")) or (separator and len(scheme) == 1):
            raise Refused("outside_folder", f"{ref[:200]!r} is absolute; pictures are named relative to the notes file")
        return read_inside(self.root, ref, self.policy.max_bytes)

    def _from_address(self, scheme: str, ref: str, rest: str) -> bytes:
        limit = self.policy.max_bytes
        if scheme == "data":
            header, comma, payload = rest.partition(",")
            if not comma or not header.endswith(";base64"):
                raise Refused("bad_address", "a data: address must be base64: data:image/jpeg;base64,…")
            if len(payload) > limit * 4 // 3 + 4:
                raise Refused("too_large", f"the data: address holds more than {limit:,} bytes")
            try:
                return base64.b64decode(payload, validate=True)
            except ValueError as error:
                raise Refused("bad_address", f"the data: address is not base64: {error}") from None
        if scheme in ("http", "https"):
            if self._fetch is None:
                raise Refused("remote_off", f"{ref[:200]} was not fetched; --fetch-images allows it")
            return self._fetch(ref, limit)
        if scheme == "file":
            raise Refused(
                "file_address", "file: addresses are never opened; name the picture relative to the notes file"
            )
        raise Refused("bad_address", f"{scheme[:20]}: addresses are not opened; known: paths, http(s), data")


def read_inside(root: Path, ref: str, max_bytes: int) -> bytes:
    """Bytes of the regular file `ref` under `root`.

    Raises:
        Refused: it leads outside (by `..` or a symbolic link), is missing, no regular file, unreadable or too large.
    """
    try:
        path = (root / ref).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise Refused("bad_address", f"{ref[:200]!r} cannot be resolved: {error}") from None
    if not path.is_relative_to(root):
        raise Refused("outside_folder", f"{ref[:200]!r} leads outside the notes' folder")
    try:
        # Not following a link put there since, and not waiting at a named pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Refused("not_found", f"{ref[:200]!r} does not exist in the notes' folder") from None
    except OSError as error:
        raise Refused("unreadable", f"{ref[:200]!r} cannot be opened: {error.strerror}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise Refused("not_a_file", f"{ref[:200]!r} is no regular file")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size > max_bytes:
            raise Refused("too_large", f"{ref[:200]!r} has {status.st_size:,} bytes, the limit is {max_bytes:,}")
        try:
            return file.read(max_bytes)
        except OSError as error:
            raise Refused("unreadable", f"{ref[:200]!r} cannot be read: {error.strerror}") from None


def decode(data: bytes, policy: PicturePolicy, *, ref: str = "") -> Picture:
    """Decode, turn upright, flatten on white, fit into the policy's square.

    Raises:
        Refused: no JPEG, PNG, WebP or GIF, damaged, or too many pixels.
    """
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise Refused("not_a_picture", "the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own size warning comes after ours; odd EXIF is no news
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                pixels = image.width * image.height
                if pixels > policy.max_pixels:
                    raise Refused(
                        "too_many_pixels",
                        f"{image.width} x {image.height} are {pixels:,} pixels, the limit is {policy.max_pixels:,}",
                    )
                original = image.size
                # JPEG can be decoded at a fraction of its size; never below twice what is wanted.
                image.draft("RGB", (policy.max_side * 2, policy.max_side * 2))
                image.load()
                turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
                upright = _upright(_rgb(image), image)
                upright.info = {}  # or comments and the like are written again with the JPEG
                if max(upright.size) > policy.max_side:
                    upright.thumbnail((policy.max_side, policy.max_side), Image.Resampling.LANCZOS)
    except Refused:
        raise
    except UnidentifiedImageError:
        raise Refused("not_a_picture", f"no {', '.join(FORMATS)}; convert the file or leave it out") from None
    except Image.DecompressionBombError as error:
        raise Refused("too_many_pixels", str(error)) from None
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, IndexError, KeyError, OverflowError) as error:
        # What Pillow's decoders raise on damaged files.
        raise Refused("truncated", f"the picture is damaged: {type(error).__name__}: {error}") from None
    width, height = (original[1], original[0]) if turned else original
    return Picture(
        ref=ref,
        digest=hashlib.sha256(data).hexdigest(),
        width=width,
        height=height,
        policy=policy.name,
        image=upright,
        quality=policy.quality,
    )


def _rgb(image: "Image") -> "Image":
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        # 16-bit and floating-point greys: `convert` would cut instead of scale.
        low, high = image.getextrema()
        low, high = float(low), float(high)  # pyright: ignore[reportArgumentType]
        top = 65535.0 if image.mode.startswith("I") and high > 255 else max(high, 1.0)
        return image.convert("F").point(lambda value: value * (255.0 / top)).convert("L").convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")


def _upright(pixels: "Image", original: "Image") -> "Image":
    from PIL import Image

    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    orientation = original.getexif().get(0x0112)
    return pixels.transpose(turns[orientation]) if orientation in turns else pixels
