"""What the documents show works: their Python runs, their commands exist, their links lead somewhere."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tagllm.cli import main

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "examples" / "README.md"])


def blocks(language: str) -> list[tuple[str, str]]:
    """Fenced blocks of a language: the document they stand in, and their text."""
    found = []
    for document in DOCUMENTS:
        for match in re.finditer(rf"^```{language}\n(.*?)^```", document.read_text("utf-8"), re.MULTILINE | re.DOTALL):
            found.append((document.relative_to(ROOT).as_posix(), match[1]))
    return found


def test_there_is_something_to_check() -> None:
    assert len(DOCUMENTS) >= 7
    assert {"README.md", "docs/notes.md", "docs/tagging.md"} <= {document for document, _ in blocks("python")}
    assert "README.md" in {document for document, _ in blocks("console")}


@pytest.mark.parametrize("document", sorted({document for document, _ in blocks("python")}))
def test_python_blocks_of_a_document_run_in_order(document: str) -> None:
    script = "\n".join(block for name, block in blocks("python") if name == document)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip()


def commands() -> list[tuple[str, str]]:
    return [
        (document, line.removeprefix("$ ").split("  #")[0].split(" > ")[0].strip())
        for document, block in blocks("console")
        for line in block.splitlines()
        if line.startswith("$ tagllm ")
    ]


@pytest.mark.parametrize(("document", "command"), commands())
def test_commands_in_documents_are_understood(document: str, command: str) -> None:
    group: click.Command = main
    words = shlex.split(command)[1:]
    context = click.Context(main)
    while isinstance(group, click.Group):
        found = group.get_command(context, words.pop(0))
        assert found is not None, f"{document}: {command}"
        group = found
    group.make_context(group.name, words)  # parses, does not run


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", document.read_text("utf-8")):
        if "://" not in link:
            assert (document.parent / link).exists(), link


def test_make_help_lists_every_public_target() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    done = subprocess.run(["make", "help"], capture_output=True, text=True, cwd=ROOT, check=True)
    assert {"demo", "test", "lint", "type", "bench", "help"} <= targets
    for target in targets:
        assert f"make {target} " in done.stdout
