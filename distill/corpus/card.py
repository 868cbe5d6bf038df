"""The card of a corpus: `README.md` as `datasets` and people read it, with plots."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from distill.corpus.exports.trl import FOLDER as TRL
from distill.corpus.folder import CARD, CorpusSummary
from distill.corpus.plots import bars
from distill.corpus.records import SPLITS, View

PLOTS = "plots"
_SAYS: Mapping[View, str] = {
    "tags": "note and pictures → tags",
    "cot": "note and pictures → reasoning, then tags",
    "steps": "each step as the teacher was asked it",
    "preference": "final tags rather than the draft they came from",
    "prompts": "the question alone",
}


def write_card(folder: Path, summary: CorpusSummary) -> None:
    """Write `README.md` and its plots."""
    (folder / PLOTS).mkdir()
    rows = [(view, [counts[split] for split in SPLITS]) for view, counts in summary.rows.items()]
    plots = {
        "rows": bars("Examples by view and split", rows, SPLITS),
        "dropped": bars("Traces that are in no view, by reason", [(r, [n]) for r, n in summary.dropped.items()]),
        "categories": bars("Notes by category", _counted(summary.categories)),
        "languages": bars("Notes by language", _counted(summary.languages)),
    }
    for name, svg in plots.items():
        (folder / PLOTS / f"{name}.svg").write_text(svg, "utf-8")
    text = "\n".join([*_head(summary), *_body(summary)])
    (folder / CARD).write_text(f"{text.rstrip()}\n", "utf-8")


def _counted(counts: Mapping[str, int]) -> list[tuple[str, list[int]]]:
    return [(name or "none", [count]) for name, count in counts.items()]


def _head(summary: CorpusSummary) -> Iterator[str]:
    """What the hub reads, as YAML; every value of a stranger's is written as JSON, which is YAML too."""
    yield "---"
    languages = [lang for lang in summary.languages if re.fullmatch(r"[a-z]{2}", lang)]
    if languages:
        yield f"language: {json.dumps(languages)}"
    stated = [licence for licence in summary.licences if licence]
    single = len(summary.licences) == 1 and stated and re.fullmatch(r"[A-Za-z0-9.-]{2,40}", stated[0])
    yield f"license: {json.dumps(stated[0].lower() if single else 'other')}"
    yield 'tags: ["tagllm", "distillation", "tagging"]'
    configs = _configs(summary)
    if configs:
        yield "configs:"
        yield from configs
    yield "---"
    yield ""


def _configs(summary: CorpusSummary) -> list[str]:
    if "trl" not in summary.policy.formats:
        return []
    lines = []
    for number, (view, counts) in enumerate((v, c) for v, c in summary.rows.items() if any(c.values())):
        lines += [f"- config_name: {view}", *(["  default: true"] if number == 0 else []), "  data_files:"]
        for split in SPLITS:
            if counts[split]:
                lines += [f"  - split: {split}", f'    path: "{TRL}/{view}/{split}-*.parquet"']
    return lines


def _body(summary: CorpusSummary) -> Iterator[str]:
    yield "# Tags of notes, to learn from"
    yield ""
    dropped = sum(summary.dropped.values())
    yield (
        f"{summary.traces:,} traces = {summary.kept:,} in the views + {dropped:,} dropped, each with its reason in "
        "`dropped.jsonl`."
    )
    yield from _section("Examples", ("view", "what is learned", *SPLITS))
    for view, counts in summary.rows.items():
        yield _row(view, _SAYS[view], *(f"{counts[split]:,}" for split in SPLITS))
    yield ""
    yield "![examples by view and split](plots/rows.svg)"
    if summary.left_out:
        yield from _section("Kept traces that a view has no example of", ("view", "reason", "traces"))
        for view, reasons in summary.left_out.items():
            for reason, count in reasons.items():
                yield _row(view, reason, f"{count:,}")
    if summary.dropped:
        yield from _section("Dropped", ("reason", "traces"))
        for reason, count in summary.dropped.items():
            yield _row(reason, f"{count:,}")
        yield ""
        yield "![dropped traces by reason](plots/dropped.svg)"
    yield from _section("Teachers", ("run", "teacher", "model", "graph", "words", "handbook", "traces", "failures"))
    for run in summary.runs:
        model = " ".join(filter(None, (run.model, run.model_revision)))
        words = ", ".join(sorted({name.rpartition("/")[0] for name in run.prompts})) or "none"
        handbook = run.handbook[:12] or "none"
        yield _row(run.name, run.teacher, model, run.graph, words, handbook, f"{run.traces:,}", f"{run.failures:,}")
    yield from _splits(summary)
    yield from _section("Licences", ("licence the note states", "notes"))
    for name, count in summary.licences.items():
        yield _row(name or "none stated", f"{count:,}")
    yield from _section("Languages", ("language", "notes"))
    for name, count in summary.languages.items():
        yield _row(name or "unknown", f"{count:,}")
    yield ""
    yield "![notes by language](plots/languages.svg)"
    yield ""
    yield "![notes by category](plots/categories.svg)"
    yield from _training(summary)


def _splits(summary: CorpusSummary) -> Iterator[str]:
    shares = ", ".join(f"{summary.notes[split]:,} {split}" for split in SPLITS)
    by = " or ".join(summary.policy.splitting.by)
    rule = f"Notes that share {by} are never divided between splits" if by else "Notes are divided one by one"
    yield ""
    yield "## Splits"
    yield ""
    yield (
        f"Notes: {shares}. {rule}: {summary.groups:,} groups, the largest of {summary.largest_group:,}. A group is "
        "drawn by a digest of its key, so that it stays in its split when the corpus grows."
    )


def _training(summary: CorpusSummary) -> Iterator[str]:
    yield ""
    yield "## Training"
    yield ""
    yield f"The student is asked with `{summary.policy.words}` (`{summary.words}`); its answers are compact JSON."
    sizes = summary.pictures
    if sizes is not None:
        yield (
            f"Pictures were made `{sizes.policy}`: {sizes.max_side} pixels at most. Leave them so: "
            f"`image_max_pixels: {sizes.max_pixels}` for LLaMA-Factory, `MAX_PIXELS={sizes.max_pixels}` for ms-swift."
        )
    yield ""
    yield "- `datasets.load_dataset(FOLDER, VIEW)`, then TRL's `SFTTrainer`, or `DPOTrainer` for `preference`"
    yield "- LLaMA-Factory: `dataset_dir: FOLDER/sharegpt`, `dataset: tagllm_tags`"
    yield "- ms-swift: `ROOT_IMAGE_DIR=FOLDER swift sft --dataset FOLDER/sharegpt/train.jsonl`"
    yield "- `vllm run-batch -i FOLDER/batch/train.jsonl -o answers.jsonl --model MODEL`"


def _section(title: str, columns: tuple[str, ...]) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    yield _row(*columns)
    yield "|" + " --- |" * len(columns)


def _row(*cells: str) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(text: str) -> str:
    """A stranger's words as text: no markup, no line breaks."""
    shown = "".join(character if character.isprintable() else " " for character in text)[:160]
    return re.sub(r"([\\`*_\[\]<>|#!&])", r"\\\1", shown) if not re.fullmatch(r"[\w .,:/→+-]*", shown) else shown
