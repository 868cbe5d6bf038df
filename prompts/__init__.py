"""The words: numbered versions of prompt programs, pinned by digest.

A version is a folder `prompts/NAME/vN/` with one Markdown file a step, `demos.jsonl` and `program.toml`. A version that
has made data is never edited: `prompts.lock.json` pins every file, and loading checks the pins.
"""

from prompts.program import Prompt, PromptError, PromptProgram, load, names, pin, versions

__all__ = ["Prompt", "PromptError", "PromptProgram", "load", "names", "pin", "versions"]
