"""The steps. What a teacher cannot or may not say is said by the evidence itself, and a finding tells why."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime

from graphs.handbook.bounded import bounded
from graphs.handbook.checking import in_own_words, names_apart, verify, without_instructions, written
from graphs.handbook.context import HandbookContext
from graphs.handbook.joining import Entry, candidates, joined, pages, roots_of
from graphs.handbook.meanings import Meanings
from graphs.handbook.state import HandbookState
from handbook.mine.records import Cluster, Gathered
from handbook.records import Interest
from notes.language import has_han, language_of
from signatures.dedupe import meaning_matters
from signatures.handbook.answers import Pair
from signatures.handbook.applying import named, related, unnamed
from signatures.handbook.evidence import alike
from signatures.handbook.grounds import instructs, tidy
from signatures.handbook.questions import ClusterQuestion, Finding, MergeQuestion, NamingLimits, Words
from signatures.questions import Answered, StepFailed

Update = dict[str, Any]

ASKED = ("named", "compared", "unanswered", "prompt_tokens", "completion_tokens", "cached")
_NOTES = 50
"""Evidence notes of a cluster whose pictures are looked at."""


async def gather(state: HandbookState, runtime: Runtime[HandbookContext]) -> Update:
    """Read notes and what people did with them, and count."""
    if "name" not in state:  # LangGraph drops a misspelt key without a word
        raise ValueError("no `name` came in; the handbook graph's input is {'name': NAME OF THE HANDBOOK}")
    return {"gathered": await asyncio.to_thread(_context(runtime).gather)}


async def cluster(state: HandbookState, runtime: Runtime[HandbookContext]) -> Update:
    """Phrases of one interest come together; what addresses a tagger is set aside."""
    context = _context(runtime)

    def work() -> tuple[tuple[Cluster, ...], tuple[Finding, ...]]:
        return without_instructions(context.cluster(state["gathered"], context.encoder))

    clusters, findings = await asyncio.to_thread(work)
    return {"clusters": clusters, "noted": findings}


async def name(state: HandbookState, runtime: Runtime[HandbookContext]) -> Update:
    """Name and describe every cluster."""
    context = _context(runtime)
    clusters, program = state["clusters"], context.program
    homes = await asyncio.to_thread(in_own_words, clusters)
    pictures = {note.id: note.attributes for note in state["gathered"].evidence if note.attributes}
    counts: Counter[str] = Counter(dict.fromkeys(ASKED, 0))

    async def one(number: int) -> tuple[Entry, tuple[Finding, ...]]:
        question = _question(clusters[number], homes[number], state["gathered"], pictures, context.limits)
        try:
            answered = await program.name(question)
        except StepFailed as failed:
            counts.update(named=1, unanswered=1)
            applied = unnamed(question, failed)
        else:
            _count(counts, "named", answered)
            applied = await named(question, answered, program.prompts, context.encoder)
        # All its sentences: of those that were not shown none is lost.
        sentences = tuple(dict.fromkeys((*applied.sentences, *clusters[number].sentences)))
        entry = Entry(
            cluster=clusters[number],
            home=homes[number],
            words=applied.words,
            own=question.words,
            tags=homes[number].tags,
            by=applied.by,
            sentences=sentences,
        )
        return entry, applied.findings

    found = await bounded(
        range(len(clusters)), one, concurrency=context.concurrency, progress=context.progress, doing="naming interests"
    )
    return {
        "entries": tuple(entry for entry, _ in found),
        "noted": tuple(finding for _, findings in found for finding in findings),
        "asked": dict(counts),
    }


async def merge(state: HandbookState, runtime: Runtime[HandbookContext]) -> Update:
    """Put together what says the same, and beside one another what belongs together."""
    context = _context(runtime)
    entries = state["entries"]
    pairs = candidates(entries)
    if not pairs:
        return {}
    found_pages = pages(pairs, context.limits.page)
    names = await _names_meant(entries, found_pages, context)
    counts: Counter[str] = Counter(state["asked"])

    async def one(page: tuple[int, ...]) -> tuple[MergeQuestion, list[Pair], tuple[Finding, ...]]:
        shown = tuple(entries[place].shown for place in page)
        question = MergeQuestion(
            interests=shown, names=names.cosines([interest.name for interest in shown]), limits=context.limits
        )
        try:
            answered = await context.program.merge(question)
        except StepFailed as failed:
            counts.update(compared=1, unanswered=1)
            message = f"{failed}; {len(page)} interests that lie near one another were compared by their words only"
            finding = Finding(id=shown[0].key, field="merge", reason=failed.reason, message=tidy(message)[:500])
            return question, alike(question), (finding,)
        _count(counts, "compared", answered)
        return question, [*alike(question), *answered.answer.pairs], ()

    answers = await bounded(
        found_pages, one, concurrency=context.concurrency, progress=context.progress, doing="comparing interests"
    )
    evidence = await _evidence_meant(entries, ((question, said) for question, said, _ in answers), context)
    found = [related(question, said, evidence.cosine) for question, said, _ in answers]
    roots, refused = roots_of(entries, {pair for page in found for pair in page.same}, evidence.cosine, context.limits)
    beside: dict[str, dict[str, None]] = {}
    for first, second in (pair for page in found for pair in page.neighbours):
        beside.setdefault(first, {})[second] = None
        beside.setdefault(second, {})[first] = None
    # What the teacher puts beside an interest comes first, then what behaviour does.
    placed = [replace(entry, neighbours=(*beside.get(entry.key, ()), *entry.cluster.near)) for entry in entries]
    failed = (finding for _, _, findings in answers for finding in findings)
    findings = dict.fromkeys((*failed, *(finding for page in found for finding in page.findings), *refused))
    return {"entries": joined(placed, roots, state["gathered"]), "noted": tuple(findings), "asked": dict(counts)}


async def check(state: HandbookState, runtime: Runtime[HandbookContext]) -> Update:
    """The handbook, whole: every tag in one interest of its category, names apart, neighbours that are there."""
    context = _context(runtime)
    entries, repaired = names_apart(state["entries"])
    handbook = written(state["name"], entries, state["gathered"].categories, context.limits)
    verify(handbook, entries)
    ids = {key: entry.home.id for entry in entries for key in entry.members}
    noted = (*state.get("noted", ()), *repaired)
    findings = tuple(finding.model_copy(update={"id": ids.get(finding.id, finding.id)}) for finding in noted)
    return {"handbook": handbook, "findings": findings}


def _context(runtime: Runtime[HandbookContext]) -> HandbookContext:
    if not isinstance(runtime.context, HandbookContext):
        raise ValueError("the handbook graph needs a context: ainvoke(…, context=HandbookContext(program=…, gather=…))")
    return runtime.context


def _question(
    cluster: Cluster, own: Interest, gathered: Gathered, pictures: Mapping[str, Sequence[str]], limits: NamingLimits
) -> ClusterQuestion:
    details = Counter(detail for note in cluster.notes[:_NOTES] for detail in pictures.get(note, ()))
    frequent = [detail for detail, _ in details.most_common(2 * limits.details) if not instructs(detail)]
    phrases = cluster.phrases[: limits.phrases]
    category = gathered.categories.get(cluster.category, cluster.category)
    return ClusterQuestion(
        key=cluster.key,
        category="" if instructs(category) else category,
        lang=language_of(" ".join(stats.phrase for stats in phrases)),
        phrases=phrases,
        sentences=cluster.sentences[: limits.sentences],
        details=tuple(frequent[: limits.details]),
        words=Words(own.name, own.description, own.guidance, own.attributes),
        limits=limits,
    )


async def _names_meant(entries: Sequence[Entry], found: Sequence[Sequence[int]], context: HandbookContext) -> Meanings:
    """What the names mean that could say the same in other words."""
    texts: dict[str, str] = {}
    for page in found if context.encoder is not None else ():
        names = [entries[place].words.name for place in page]
        texts.update({names[number]: names[number] for number in meaning_matters(names)})
    return await Meanings.of(texts, context.encoder)


async def _evidence_meant(
    entries: Sequence[Entry], answers: Iterable[tuple[MergeQuestion, Sequence[Pair]]], context: HandbookContext
) -> Meanings:
    """What the phrases mean of the interests that somebody takes for one."""
    wanted = {
        question.interests[number - 1].key
        for question, pairs in answers
        for pair in pairs
        for number in (pair.first, pair.second)
        if pair.relation == "same" and 1 <= number <= len(question.interests)
    }
    texts = {
        entry.key: ", ".join(stats.phrase for stats in entry.cluster.phrases[:12] if not has_han(stats.phrase))
        for entry in entries
        if entry.key in wanted
    }
    return await Meanings.of(texts, context.encoder)


def _count(counts: Counter[str], kind: str, answered: Answered[Any]) -> None:
    counts.update(
        {
            kind: 1,
            "prompt_tokens": answered.prompt_tokens,
            "completion_tokens": answered.completion_tokens,
            "cached": int(answered.cached),
        }
    )
