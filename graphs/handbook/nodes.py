"""The steps. What a teacher cannot or may not say is said by the evidence itself, and a finding tells why."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime

from graphs.handbook.bounded import bounded
from graphs.handbook.context import HandbookContext
from graphs.handbook.joining import Entry, Roots, better, candidates, joined, pages
from graphs.handbook.meanings import Meanings
from graphs.handbook.state import HandbookState
from handbook.mine import interests as interests_of
from handbook.mine.records import Cluster
from handbook.records import Handbook, Interest
from notes.language import has_han, language_of
from notes.words import form_key
from signatures.dedupe import meaning_matters
from signatures.handbook.answers import Pair
from signatures.handbook.applying import Nearness, named, objection_to_merging, related, unnamed
from signatures.handbook.evidence import alike
from signatures.handbook.grounds import instructs, tidy
from signatures.handbook.questions import ClusterQuestion, Finding, FindingField, MergeQuestion, NamingLimits, Words
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
    own = _by_cluster(clusters, interests_of(clusters))
    pictures = {note.id: note.attributes for note in state["gathered"].evidence if note.attributes}
    counts: Counter[str] = Counter(dict.fromkeys(ASKED, 0))

    async def one(number: int) -> tuple[Entry, tuple[Finding, ...]]:
        question = _question(clusters[number], own[number], pictures, context.limits)
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
            cluster=clusters[number], words=applied.words, own=question.words, by=applied.by, sentences=sentences
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
    roots, refused = _roots(entries, {pair for page in found for pair in page.same}, evidence.cosine, context.limits)
    beside: dict[str, dict[str, None]] = {}
    for first, second in (pair for page in found for pair in page.neighbours):
        beside.setdefault(first, {})[second] = None
        beside.setdefault(second, {})[first] = None
    # What the teacher puts beside an interest comes first, then what behaviour does.
    placed = [replace(entry, neighbours=(*beside.get(entry.key, ()), *entry.cluster.near)) for entry in entries]
    failed = (finding for _, _, findings in answers for finding in findings)
    findings = dict.fromkeys((*failed, *(finding for page in found for finding in page.findings), *refused))
    return {"entries": joined(placed, roots), "noted": tuple(findings), "asked": dict(counts)}


async def check(state: HandbookState, runtime: Runtime[HandbookContext]) -> Update:
    """The handbook, whole: every phrase in one interest of its category, names apart, neighbours that are there."""
    context = _context(runtime)
    entries, repaired = _names_apart(state["entries"])
    clusters = [entry.cluster for entry in entries]
    mined = interests_of(clusters)
    base = _by_cluster(clusters, mined)
    ids = {entry.key: interest.id for entry, interest in zip(entries, base, strict=True)}
    written = {}
    for entry, interest in zip(entries, base, strict=True):
        neighbours = [ids[key] for key in entry.neighbours if key in ids]
        fields = {
            **interest.model_dump(exclude={"support"}),
            **_words(entry, interest),
            "support": interest.support,
            "evidence": entry.sentences[: len(interest.evidence)],
            "neighbours": tuple(dict.fromkeys(neighbours))[: context.limits.neighbours],
            "words": entry.written_by,
        }
        written[interest.id] = Interest(**fields).signed()
    handbook = mined.model_copy(
        update={
            "name": state["name"],
            "categories": tuple(
                category.model_copy(update={"interests": tuple(written[i.id] for i in category.interests)})
                for category in mined.categories
            ),
        }
    )
    verify(handbook, clusters)
    ids_of = {key: ids[entry.key] for entry in entries for key in entry.members}
    noted = (*state.get("noted", ()), *repaired)
    findings = tuple(finding.model_copy(update={"id": ids_of.get(finding.id, finding.id)}) for finding in noted)
    return {"handbook": handbook, "findings": findings}


def without_instructions(clusters: Sequence[Cluster]) -> tuple[tuple[Cluster, ...], tuple[Finding, ...]]:
    """The clusters without sentences and phrases that address a tagger; one that has nothing else is left out."""
    kept, findings = [], []
    for cluster in clusters:
        if not instructs("\n".join((*(stats.phrase for stats in cluster.phrases), *cluster.sentences))):
            kept.append(cluster)
            continue
        phrases = tuple(stats for stats in cluster.phrases if not instructs(stats.phrase))
        sentences = tuple(sentence for sentence in cluster.sentences if not instructs(sentence))
        lost: dict[FindingField, int] = {
            "tags": len(cluster.phrases) - len(phrases),
            "evidence": len(cluster.sentences) - len(sentences),
        }
        for field, count in lost.items():
            if count:
                message = f"{count} of them address the tagger and are left out"
                findings.append(Finding(id=cluster.key, field=field, reason="instruction", message=message))
        if not phrases:
            message = "nothing is left of it but instructions; it is no interest"
            findings.append(Finding(id=cluster.key, field="entry", reason="instruction", message=message))
        else:
            kept.append(cluster.model_copy(update={"phrases": phrases, "sentences": sentences}))
    return tuple(kept), tuple(findings)


def verify(handbook: Handbook, clusters: Sequence[Cluster]) -> None:
    """Whatever was answered, a handbook of ours is whole; where it is not, the mistake is ours."""
    interests = [interest for category in handbook.categories for interest in category.interests]
    assert len(interests) == len(handbook.interests) == len(clusters)
    homes = Counter((interest.category, tag) for interest in interests for tag in interest.tags)
    for cluster in clusters:
        for stats in cluster.phrases:
            assert homes[cluster.category, stats.phrase] == 1, (cluster.key, stats.phrase)
    for category in handbook.categories:
        names = [form_key(interest.name) for interest in category.interests]
        assert len(set(names)) == len(names), category.id
    for interest in interests:
        assert interest.words
        assert not interest.edited
        assert interest.id not in interest.neighbours
        assert handbook.interests.keys() >= set(interest.neighbours), interest.id


def _context(runtime: Runtime[HandbookContext]) -> HandbookContext:
    if not isinstance(runtime.context, HandbookContext):
        raise ValueError("the handbook graph needs a context: ainvoke(…, context=HandbookContext(program=…, gather=…))")
    return runtime.context


def _question(
    cluster: Cluster, own: Interest, pictures: Mapping[str, Sequence[str]], limits: NamingLimits
) -> ClusterQuestion:
    details = Counter(detail for note in cluster.notes[:_NOTES] for detail in pictures.get(note, ()))
    frequent = [detail for detail, _ in details.most_common(2 * limits.details) if not instructs(detail)]
    phrases = cluster.phrases[: limits.phrases]
    return ClusterQuestion(
        key=cluster.key,
        category=cluster.category,
        lang=language_of(" ".join(stats.phrase for stats in phrases)),
        phrases=phrases,
        sentences=cluster.sentences[: limits.sentences],
        details=tuple(frequent[: limits.details]),
        words=Words(own.name, own.description, own.guidance, own.attributes),
        limits=limits,
    )


def _by_cluster(clusters: Sequence[Cluster], handbook: Handbook) -> list[Interest]:
    """The interest that was made of each cluster."""
    made = {(i.category, tag): i for i in handbook.interests.values() for tag in i.tags}
    return [made[cluster.category, cluster.phrases[0].phrase] for cluster in clusters]


def _words(entry: Entry, interest: Interest) -> dict[str, Any]:
    """Its words; where they are the evidence's own, those of all that was put together in it."""
    kept = {field: value for field, value in entry.words._asdict().items() if value != getattr(entry.own, field)}
    fresh = {field: getattr(interest, field) for field in Words._fields}
    return {**fresh, **kept, "name": entry.words.name}


def _roots(
    entries: Sequence[Entry], pairs: Iterable[tuple[str, str]], nearness: Nearness, limits: NamingLimits
) -> tuple[Roots, tuple[Finding, ...]]:
    """Which entry speaks for which: the better supported of a pair, if it may also be one with all it speaks for."""
    by_key = {entry.key: entry for entry in entries}
    roots = Roots()
    findings = []
    for pair in sorted(pairs):
        one, other = map(roots.of, pair)
        if one == other:
            continue
        winner, loser = better(by_key[one], by_key[other])
        found = objection_to_merging(winner.shown, loser.shown, nearness, limits)
        if found is None:
            roots.join(loser.key, winner.key)
        else:
            message = f"{found.detail}; “{winner.words.name}” and “{loser.words.name}” stay two"
            findings.append(Finding(id=winner.key, field="merge", reason=found.reason, message=message))
    return roots, tuple(findings)


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


def _names_apart(entries: Sequence[Entry]) -> tuple[list[Entry], tuple[Finding, ...]]:
    """The entries with no name twice in a category: the better supported one keeps it."""
    order = sorted(range(len(entries)), key=lambda n: (-entries[n].cluster.support.users, n))
    taken: set[tuple[str, str]] = set()
    found: dict[int, Entry] = {}
    findings = []
    for number in order:
        entry = entries[number]
        category = entry.cluster.category
        free = next(name for name in _possible_names(entry) if (category, form_key(name)) not in taken)
        taken.add((category, form_key(free)))
        if free != entry.words.name:
            message = f"“{entry.words.name}” is the name of another interest of {category}; it is “{free}” now"
            findings.append(Finding(id=entry.key, field="name", reason="same_name", message=message))
            words, own = (words._replace(name=free) for words in (entry.words, entry.own))
            entry = replace(entry, words=words, own=own)
        found[number] = entry
    return [found[number] for number in range(len(entries))], tuple(findings)


def _possible_names(entry: Entry) -> Iterable[str]:
    yield entry.words.name
    yield entry.own.name
    for stats in entry.cluster.phrases:
        yield stats.phrase[:120]
    for number in range(2, 10_000):
        yield f"{entry.own.name[:110]} {number}"
