"""One matcher, learned once."""

import shutil
from pathlib import Path

import pytest

from handbook.matching import Matcher
from tests.handbook.matching.corpus import Fitted, fitted, make_notes


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """A matcher that nobody changes."""
    return fitted(tmp_path_factory.mktemp("matching") / "matcher", make_notes(1))


@pytest.fixture(scope="session")
def matcher(made: Fitted) -> Matcher:
    """It, opened."""
    return made.open()


@pytest.fixture
def copied(made: Fitted, tmp_path: Path) -> Fitted:
    """A copy that may be damaged."""
    return made._replace(folder=Path(shutil.copytree(made.folder, tmp_path / "matcher")))
