"""The built wheel contains everything, and every module of it can be imported from it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.test_imports import ROOMS, ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return next(folder.glob("*.whl"))


def shipped(room: str) -> set[str]:
    """Files of a room that belong into the wheel."""
    files = (file for file in (ROOT / room).rglob("*") if file.is_file())
    return {f.relative_to(ROOT).as_posix() for f in files if "__pycache__" not in f.parts}


def test_the_wheel_holds_every_file_of_every_room(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for room in ROOMS:
        assert shipped(room) <= names
    assert "prompts/tagging/v1/draft.md" in names
    assert {"notes/py.typed", "tagllm/py.typed"} <= names


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(ROOMS)


def test_everything_imports_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    # An environment of its own: the wheel without this checkout, with the installed libraries beside it.
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    site = next(environment.glob("lib/python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(site)
    libraries = {str(Path(p)) for p in sys.path if p.endswith(("site-packages", "dist-packages"))}
    # Plain paths: `.pth` files in them, such as this checkout's own, are not followed.
    (site / "libraries.pth").write_text("\n".join(sorted(libraries)))
    modules = sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in zipfile.ZipFile(wheel).namelist()
        if name.endswith(".py") and not name.endswith("__main__.py")
    )
    script = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    module = importlib.import_module(name)\n"
        f"    assert module.__file__.startswith({str(site)!r}), module.__file__\n"
        "import prompts\n"
        "assert prompts.load('tagging/v1')['draft'].text\n"
    )
    python = environment / "bin" / "python"
    done = subprocess.run([str(python), "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
