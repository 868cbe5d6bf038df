"""Self-consistency: of several runs over one note, what they agree on, told by the trace that agrees most."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from distill.corpus.gathering import SourceRun
from distill.corpus.policy import Selection
from distill.corpus.store import Candidate, CandidateStore, Loss
from notes.records import Trace
from notes.words import form_key


def agree(store: CandidateStore, runs: Sequence[SourceRun], selection: Selection) -> int:
    """Leave one trace of each note: that whose tags the others share most, with the tags enough of them give.

    Returns:
        Notes that several runs tagged.
    """
    count = 0
    for candidates in store.shared():
        count += 1
        chosen, trace = consensus(candidates, selection)
        if trace is None:
            detail = f"no {selection.min_tags} tags in {selection.agreement:.0%} of {len(candidates)} runs"
            store.lose(Loss(number=one.number, reason="inconsistent", detail=detail) for one in candidates)
            continue
        store.replace(chosen.number, trace)
        store.lose(_others(candidates, chosen, runs[chosen.run].name))
    return count


def consensus(candidates: Sequence[Candidate], selection: Selection) -> tuple[Candidate, Trace | None]:
    """The trace that speaks for a note, and what of it the runs agree on; None: too little.

    Args:
        candidates: Of one note, one a run.
        selection: How many must agree.
    """
    tags = [{form_key(tag.tag) for tag in candidate.trace.tags} for candidate in candidates]
    counts = Counter(key for keys in tags for key in keys)
    shares = [sum(counts[key] for key in keys) / max(1, len(keys)) for keys in tags]
    best = max(range(len(candidates)), key=lambda i: (shares[i], candidates[i].confidence, -i))
    needed = math.ceil(selection.agreement * len(candidates) - 1e-9)
    chosen = candidates[best]
    kept = tuple(tag for tag in chosen.trace.tags if counts[form_key(tag.tag)] >= needed)
    if len(kept) < selection.min_tags:
        return chosen, None
    return chosen, chosen.trace.model_copy(update={"tags": kept})


def _others(candidates: Sequence[Candidate], chosen: Candidate, name: str) -> Iterator[Loss]:
    for one in candidates:
        if one is not chosen:
            yield Loss(number=one.number, reason="other_run", instead=name)
