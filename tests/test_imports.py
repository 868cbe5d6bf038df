"""Rooms import in one direction only, and the heavy libraries only inside functions."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS: dict[str, set[str]] = {
    "notes": set(),
    "handbook": {"notes"},
    "teachers": {"notes"},
    "prompts": set(),
    "signatures": {"notes", "handbook", "teachers", "prompts"},
    "graphs": {"notes", "handbook", "teachers", "prompts", "signatures"},
    "distill": {"notes", "handbook", "teachers", "prompts", "signatures", "graphs"},
    "recommend": {"notes", "handbook", "teachers", "prompts", "signatures", "graphs"},
    "tagllm": {"notes", "handbook", "teachers", "prompts", "signatures", "graphs", "distill", "recommend"},
}
HEAVY = {"torch", "transformers", "vllm", "trl", "ray", "sentence_transformers", "rapidocr"}


def imports(file: Path) -> list[tuple[str, int, bool]]:
    """First part of every imported name, its line, and whether it is imported when the module is."""
    tree = ast.parse(file.read_text("utf-8"))
    inside = {
        id(node)
        for f in ast.walk(tree)
        if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(f)
    }
    typing = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    found = []
    for node in ast.walk(tree):
        at_import = id(node) not in inside and id(node) not in typing
        if isinstance(node, ast.Import):
            found.extend((alias.name.split(".")[0], node.lineno, at_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute"
            found.append(((node.module or "").split(".")[0], node.lineno, at_import))
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    assert files, f"nothing to check in {room}/"
    others = set(ROOMS) - ROOMS[room] - {room}
    wrong = [f"{f.relative_to(ROOT)}:{line}: {name}" for f in files for name, line, _ in imports(f) if name in others]
    assert not wrong


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    checked = [(f, *found) for room in ROOMS for f in (ROOT / room).rglob("*.py") for found in imports(f)]
    assert any(name in HEAVY for _, name, _, _ in checked), "nothing to check"
    wrong = [f"{f.relative_to(ROOT)}:{line}: {name}" for f, name, line, early in checked if early and name in HEAVY]
    assert not wrong


def test_no_benchmark_hides_a_room_from_the_script_beside_it() -> None:
    names = {file.stem for file in (ROOT / "benchmarks").glob("*.py")}
    assert names, "nothing to check in benchmarks/"
    assert not names & set(ROOMS)
