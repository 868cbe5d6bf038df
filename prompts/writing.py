"""Writing a new version: a folder that appears whole or not at all, and is pinned."""

import datetime
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from prompts.contract import require
from prompts.pins import pin
from prompts.program import PICTURES, Prompt, PromptError, PromptProgram, load, pictures_in, versions

CHANGELOG = "CHANGELOG.md"
_FOLDER = re.compile(r"([a-z][a-z0-9_]*)/v(\d+)")


def new_version(folder: Path, name: str) -> tuple[str, Path]:
    """The id a folder stands for, and the root it lies in; the folder must not exist yet.

    Args:
        folder: Such as `prompts/tagging/v2`.
        name: Of the program whose words are to lie in it.

    Raises:
        PromptError: the folder is no place for a new version of this program.
    """
    id = "/".join(folder.parts[-2:])
    match = _FOLDER.fullmatch(id)
    if match is None or match[1] != name:
        raise PromptError(f"{folder} is no place for a version of {name}: it must end in {name}/vN")
    root = folder.parent.parent
    if folder.exists():
        known = versions(name, root)
        raise PromptError(
            f"{folder} exists, and versions are never written over; next: {name}/v{max(known, default=0) + 1}"
        )
    return id, root


def write(program: PromptProgram, folder: Path, about: Mapping[str, Any], *, note: str = "") -> PromptProgram:
    """Write a program's words and demos as a new version, pin it, and read it back.

    Args:
        program: What to write; its own id and `about` are left behind.
        folder: Such as `prompts/tagging/v2`; must not exist.
        about: For `program.toml`, beside name, version and date: values, and tables of values.
        note: A line for the changelog beside the programs, where there is one.

    Raises:
        PromptError: the folder is no place for it, or the words cannot be used.
    """
    id, root = new_version(folder, program.name)
    renamed = {step: Prompt(f"{id}/{step}", prompt.text) for step, prompt in program.prompts.items()}
    require(replace(program, id=id, prompts=renamed))
    part = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        part.mkdir(parents=True)
        for step, prompt in program.prompts.items():
            (part / f"{step}.md").write_text(prompt.text + "\n", "utf-8", newline="\n")
        lines = [json.dumps(demo, ensure_ascii=False) + "\n" for demo in program.demos]
        (part / "demos.jsonl").write_text("".join(lines), "utf-8", newline="\n")
        shown = dict.fromkeys(name for demo in program.demos for name in pictures_in(demo))
        for name in shown:
            (part / PICTURES).mkdir(exist_ok=True)
            (part / PICTURES / name).write_bytes(program.pictures[name])
        name, _, version = id.partition("/v")
        head = {"name": name, "version": int(version), "date": datetime.date.today(), **about}
        (part / "program.toml").write_text(_toml(head), "utf-8", newline="\n")
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    pin(root, only=id)
    changelog = root / CHANGELOG
    if note and changelog.is_file():
        with changelog.open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"- `{id}`: {' '.join(note.split())}\n")
    return load(id, root)


def _toml(values: Mapping[str, Any]) -> str:
    lines = ["# What this version is and where it comes from."]
    lines += [f"{key} = {_value(value)}" for key, value in values.items() if not isinstance(value, Mapping)]
    for name, table in values.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
