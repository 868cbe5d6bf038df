"""Whether `datasets.load_dataset` opens the folder as it is, with every row of every view."""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distill.corpus.checking.results import Check
from distill.corpus.folder import CorpusSummary
from distill.corpus.records import SPLITS


def check_datasets(folder: Path, summary: CorpusSummary) -> Iterator[Check]:
    """Open every view and split; nothing where the corpus was not written for it. Says so where nobody can look."""
    if "trl" not in summary.policy.formats:
        return
    try:
        import datasets
        from datasets.exceptions import DatasetsError
    except ImportError:
        yield Check(part="load_dataset", by="NOT CHECKED: datasets is not installed; pip install 'tagllm[student]'")
        return
    by = f"datasets {datasets.__version__}, its own code"
    for view, counts in summary.rows.items():
        for split in SPLITS:
            if not counts[split]:
                continue
            check = Check(part=f"load_dataset: {view}, {split}", by=by)
            with tempfile.TemporaryDirectory(prefix="tagllm-datasets-") as cache, _quiet(datasets):
                try:
                    rows = datasets.load_dataset(str(folder), view, split=split, streaming=True, cache_dir=cache)
                    for row in _undecoded(datasets, rows):
                        check.rows += 1
                        for image in row.get("images", ()):
                            if f"{hashlib.sha256(image['bytes']).hexdigest()}.jpg" != image["path"]:
                                check.refuse(row["id"], f"the picture {image['path']} has other bytes")
                except (ValueError, OSError, TypeError, LookupError, DatasetsError) as error:
                    check.refuse(check.part, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
            check.expect_rows(counts[split])
            yield check


def _undecoded(datasets: Any, rows: Any) -> Any:
    if "images" not in rows.features:
        return rows
    return rows.cast_column("images", datasets.List(datasets.Image(decode=False)))


@contextlib.contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Without bars of its own."""
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()
