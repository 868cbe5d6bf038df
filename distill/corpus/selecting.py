"""Which traces are good enough to learn from, measured as `tagllm eval` measures, and how many of a kind."""

from collections import Counter
from collections.abc import Iterator, Sequence

from distill.corpus.gathering import Progress, SourceRun
from distill.corpus.policy import Selection
from distill.corpus.store import Candidate, CandidateStore, Loss
from notes.records import DraftTag
from signatures.dedupe import dedupe
from signatures.metrics.beyond import groundedness, redundancy
from signatures.questions import TagLimits
from signatures.sources import Sources


def select(
    store: CandidateStore, runs: Sequence[SourceRun], selection: Selection, progress: Progress | None = None
) -> None:
    """Take traces that are not good enough out of the candidates, then what is too many of a kind."""
    limits = [run.limits for run in runs]
    losses = []
    for candidate in store.candidates():
        loss = judge(candidate, selection, limits[candidate.run])
        if loss is not None:
            losses.append(loss)
        if progress is not None:
            progress("selecting", 1)
    store.lose(losses)
    if selection.per_category or selection.per_interest:
        store.lose(_too_many(store, selection))


def judge(candidate: Candidate, selection: Selection, limits: TagLimits) -> Loss | None:
    """Why a trace is not good enough; None: it is."""
    trace, number = candidate.trace, candidate.number
    if selection.langs and trace.lang not in selection.langs:
        return Loss(number=number, reason="language", detail=f"{trace.lang}; wanted: {', '.join(selection.langs)}")
    if len(trace.tags) < selection.min_tags:
        return Loss(number=number, reason="too_few_tags", detail=f"{len(trace.tags)} of {selection.min_tags}")
    if candidate.confidence < selection.min_confidence:
        detail = f"{candidate.confidence:.3f}, wanted: {selection.min_confidence}"
        return Loss(number=number, reason="low_confidence", detail=detail)
    if selection.min_groundedness > 0:
        share = groundedness(trace, Sources.of(candidate.note, trace.pictures))
        if share is None or share.any < selection.min_groundedness:
            said = "no tags" if share is None else f"{share.any:.3f}"
            return Loss(number=number, reason="ungrounded", detail=f"{said}, wanted: {selection.min_groundedness}")
    if selection.max_redundancy < 1:
        share = _redundancy([tag.tag for tag in trace.tags], limits)
        if share > selection.max_redundancy:
            return Loss(number=number, reason="redundant", detail=f"{share:.3f}, at most: {selection.max_redundancy}")
    return None


def _redundancy(tags: Sequence[str], limits: TagLimits) -> float:
    """As `tagllm eval` measures it, pair by pair; but where all together lose nothing, no pair does."""
    if not dedupe([DraftTag(tag=tag) for tag in tags], limits).decisions:
        return 0.0
    found = redundancy(tags, limits)
    return sum(found) if found is not None else 0.0


def _too_many(store: CandidateStore, selection: Selection) -> list[Loss]:
    """Notes beyond the limits, the surest ones taken first."""
    kinds = [
        (-one.confidence, one.key, one.number, one.note.category, tuple({match.id for match in one.trace.matched}))
        for one in store.candidates()
    ]
    return list(_beyond(sorted(kinds), selection))


def _beyond(kinds: Sequence[tuple[float, str, int, str, tuple[str, ...]]], selection: Selection) -> Iterator[Loss]:
    categories: Counter[str] = Counter()
    interests: Counter[str] = Counter()
    most, each = selection.per_category, selection.per_interest
    for _, _, number, category, spoken_to in kinds:
        if most is not None and categories[category] >= most:
            yield Loss(number=number, reason="over_category", detail=f"{most} of {category[:80]!r} are enough")
        elif each is not None and spoken_to and all(interests[interest] >= each for interest in spoken_to):
            yield Loss(number=number, reason="over_interest", detail=f"{each} of each of its interests are enough")
        else:
            categories[category] += 1
            interests.update(spoken_to)
