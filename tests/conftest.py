"""Real parts, made once a session: the encoder, the reader of pictures, the example handbook."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import handbook
from handbook import Handbook, HandbookIndex
from notes.pictures import PictureStore
from teachers.embedded import Encoder, Perceiver
from teachers.store import JsonStore

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What is cached lies in a folder of this session; nobody's own cache is read or written."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAGLLM_CACHE_DIR", str(folder))
        patch.delenv("COLUMNS", raising=False)  # tables are as wide as they are in a file, whatever this window is
        yield folder


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of the example notes."""
    return EXAMPLES


@pytest.fixture(scope="session")
def example_pictures() -> PictureStore:
    """Opens the pictures of the example notes."""
    return PictureStore(EXAMPLES)


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """The real sentence encoder."""
    return Encoder()


@pytest.fixture(scope="session")
def perceiver(tmp_path_factory: pytest.TempPathFactory) -> Perceiver:
    """The real reader of pictures, with a store on disk."""
    return Perceiver(JsonStore(tmp_path_factory.mktemp("perceptions")))


@pytest.fixture(scope="session")
def examples_handbook() -> Handbook:
    """The handbook of the example notes."""
    return handbook.load(EXAMPLES / "handbook")


@pytest.fixture(scope="session")
def examples_index(examples_handbook: Handbook, encoder: Encoder) -> HandbookIndex:
    """The example handbook, ready to be searched."""
    return HandbookIndex(examples_handbook, encoder)
