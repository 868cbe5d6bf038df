"""Proof that each reader of a corpus takes every row: their own code where it is installed, their rules elsewhere."""

from collections.abc import Iterator
from pathlib import Path

from distill.corpus.checking.batch import check_batch
from distill.corpus.checking.folder import check_folder
from distill.corpus.checking.hub import check_datasets
from distill.corpus.checking.llamafactory import check_llamafactory
from distill.corpus.checking.openai import check_openai
from distill.corpus.checking.results import Check
from distill.corpus.checking.swift import check_swift
from distill.corpus.checking.trl import check_trl
from distill.corpus.folder import read_summary


def check(folder: Path | str) -> Iterator[Check]:
    """Check a corpus, one part after the other.

    Raises:
        CorpusError: there is none, or it was made by another version.
    """
    folder = Path(folder)
    summary = read_summary(folder)
    yield from check_folder(folder, summary)
    yield from check_datasets(folder, summary)
    yield from check_trl(folder, summary)
    yield from check_llamafactory(folder, summary)
    yield from check_swift(folder, summary)
    yield from check_openai(folder, summary)
    yield from check_batch(folder, summary)


__all__ = ["Check", "check"]
