"""The steps. Each sees what it needs of the state and returns what it found; a step that cannot be answered returns a
`failure`, and the note is done.
"""

import asyncio
import functools
import importlib.metadata
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from langgraph.runtime import Runtime
from numpy.typing import NDArray
from pydantic import BaseModel

from graphs.tagging.context import TaggingContext, TaggingOptions
from graphs.tagging.state import TaggingState
from notes.language import has_han, language_of
from notes.pictures import Picture
from notes.records import (
    Decision,
    DecisionReason,
    Failure,
    FinalTag,
    Note,
    PictureRefusal,
    StepName,
    StepRecord,
    Trace,
)
from signatures.answers import Description, Drafts, Fused, Matches, Merges, Refined
from signatures.applying import described, drafted, matched, refined, spoken_to
from signatures.dedupe import dedupe, meaning_matters
from signatures.questions import Answered, Question, StepFailed
from signatures.sources import Sources

A = TypeVar("A", bound=BaseModel)
Update = dict[str, Any]


@functools.cache
def code_version() -> str:
    """Version of the installed package, for traces."""
    try:
        return importlib.metadata.version("tagllm")
    except importlib.metadata.PackageNotFoundError:
        return ""


async def retrieve_interests(state: TaggingState, context: TaggingContext) -> Update:
    """Which interests of the handbook could matter: category first, then meaning."""
    started = context.clock()
    if "note" not in state:  # LangGraph drops a misspelt key without a word
        raise ValueError("no `note` came in; the tagging graph's input is {'note': Note}")
    note = Note.model_validate(state["note"])  # a server hands in JSON
    changes: Update = {} if note.lang else {"lang": language_of(f"{note.text} {note.ocr}")}
    if "image" in context.skip:
        changes |= {"images": (), "ocr": "", "image_attributes": ()}
    if changes:
        note = note.model_copy(update=changes)
    sources = Sources.of(note, (), show_hashtags=context.show_hashtags)
    found = []
    if context.handbook is not None:
        tokens = context.program.handbook_tokens
        found = await context.handbook.retrieve(sources.note_text(note), k=context.interests, tokens=tokens)
    handbook = context.handbook.handbook if context.handbook is not None else None
    skipped: Update = {"skip": sorted(context.skip)} if context.skip else {}
    step = StepRecord(
        name="retrieve",
        program="handbook" if handbook is not None else "no handbook",
        request={"category": note.category, "k": context.interests, **skipped},
        answer=[interest.id for interest in found],
        milliseconds=_since(started, context),
    )
    return {
        "note": note,
        "sources": sources,
        "category": handbook.category(note.category) if handbook is not None else None,
        "interests": tuple(handbook.interests[i.id] for i in found) if handbook is not None else (),
        "retrieved": tuple(found),
        "steps": (step,),
    }


async def open_pictures(state: TaggingState, context: TaggingContext) -> tuple[Picture, ...]:
    """The note's pictures, opened or refused; decoding happens in threads."""
    refs = state["note"].images
    if not refs:
        return ()
    if context.pictures is None:
        return tuple(_unopened(ref) for ref in refs)
    loop = asyncio.get_running_loop()
    return tuple(await asyncio.gather(*(loop.run_in_executor(None, context.pictures.open, ref) for ref in refs)))


async def describe_pictures(state: TaggingState, context: TaggingContext) -> Update:
    """What the pictures show, and what is written in them."""
    started = context.clock()
    opened = await open_pictures(state, context)
    question = _question(state, context, pictures=opened)
    if any(picture.refused is None for picture in opened):
        answered = await context.program.describe(question)
    else:
        answered = Answered(answer=Description(pictures=[]), program="no picture")
    return {**_described(question, answered.answer), "steps": (_step("describe", answered, started, context),)}


async def match_interests(state: TaggingState, context: TaggingContext) -> Update:
    """Which of the retrieved interests the note really speaks to."""
    started = context.clock()
    question = _question(state, context)
    answered: Answered[Matches]
    if question.interests:
        answered = await context.program.match(question)
    else:
        answered = Answered(answer=Matches(matches=[]), program="nothing retrieved")
    return {
        "matched": matched(question, answered.answer),
        "steps": (_step("match", answered, started, context),),
    }


async def draft_tags(state: TaggingState, context: TaggingContext) -> Update:
    """Which tags people with these interests would look for."""
    started = context.clock()
    question = _question(state, context)
    answered = await context.program.draft(question)
    return {**_drafted(question, answered.answer), "steps": (_step("draft", answered, started, context),)}


async def dedupe_tags(state: TaggingState, context: TaggingContext) -> Update:
    """Which drafts say the same: the teacher's opinion, then the rules that hold for every teacher."""
    started = context.clock()
    drafts = state.get("drafts", ())
    fused = state.get("fused")
    if "dedupe" in context.skip:
        skipped = Answered(answer=Merges(merges=[]), program="skipped")
        return {"kept": drafts, "decisions": (), "steps": (_step("dedupe", skipped, started, context),)}
    if fused is not None:
        answered = Answered(answer=_fused_merges(state, fused), program="part of fused")
    else:
        answered = await context.program.dedupe(_question(state, context, tags=drafts))
    vectors = await _vectors([draft.tag for draft in drafts], context)
    found = dedupe(drafts, context.limits, vectors=vectors, opinion=answered.answer)
    return {
        "kept": found.kept,
        "decisions": found.decisions,
        "steps": (_step("dedupe", answered, started, context),),
    }


async def refine_tags(state: TaggingState, context: TaggingContext) -> Update:
    """The final tags, in house form, each with its evidence; and the trace."""
    started = context.clock()
    question = _question(state, context, tags=state.get("kept", ()))
    fused = state.get("fused")
    if "refine" in context.skip:
        answered = Answered(answer=Refined(tags=[]), program="skipped")
        tags, decisions = _unrefined(question, require_evidence=context.require_evidence)
    else:
        if fused is not None:
            answered = Answered(answer=_fused_final(state, fused), program="part of fused")
        else:
            answered = await context.program.refine(question)
        tags, decisions = refined(question, answered.answer, require_evidence=context.require_evidence)
    step = _step("refine", answered, started, context)
    note, program = state["note"], context.program
    decisions = (*state.get("decisions", ()), *decisions)
    if not tags:
        spent = {"prompt_tokens": step.prompt_tokens, "completion_tokens": step.completion_tokens}
        why = _why_no_tags(question, len(decisions))
        raise StepFailed("no_tags", why, answer=step.answer, request=step.request, **spent)
    trace = Trace(
        note_id=note.id,
        note_digest=note.digest,
        lang=note.lang,
        category=note.category,
        steps=(*state["steps"], step),
        pictures=state.get("pictures", ()),
        retrieved=state.get("retrieved", ()),
        matched=state.get("matched", ()),
        drafts=state.get("drafts", ()),
        decisions=decisions,
        set_aside=question.sources.set_aside,
        tags=tags,
        teacher=program.teacher,
        model=program.model,
        model_revision=program.model_revision,
        prompts=program.prompts if fused is None else program.fused_prompts,
        handbook_digest=context.handbook.handbook.digest if context.handbook is not None else "",
        code_version=code_version(),
    )
    return {"tags": tags, "decisions": decisions[len(state.get("decisions", ())) :], "steps": (step,), "trace": trace}


async def ask_at_once(state: TaggingState, context: TaggingContext) -> Update:
    """Describe to refine in one structured answer, taken apart into the steps it answers."""
    started = context.clock()
    opened = await open_pictures(state, context)
    question = _question(state, context, pictures=opened)
    answered = await context.program.fused(question)
    fused = answered.answer
    seen = _described(question, Description(pictures=fused.pictures))
    question = _question({**state, **seen}, context)  # pyright: ignore[reportArgumentType]
    matches = matched(question, Matches(matches=fused.matches))
    # In one answer, drafts number the interests of the page; in a step of their own, the matched ones.
    page = {interest.id: number for number, interest in enumerate(question.interests, 1)}
    renumbered = {page[match.id]: number for number, match in enumerate(matches, 1)}
    tags = [tag.model_copy(update={"interest": renumbered.get(tag.interest, 0)}) for tag in fused.tags]
    fused = fused.model_copy(update={"tags": tags})
    question = _question({**state, **seen, "matched": matches}, context)  # pyright: ignore[reportArgumentType]
    whole = _step("describe", answered, started, context)
    part = {"program": "part of fused", "prompt": answered.prompt}
    return {
        **seen,
        "matched": matches,
        **_drafted(question, Drafts(tags=fused.tags)),
        "fused": fused,
        "steps": (
            whole,
            StepRecord(name="match", answer=[match.model_dump() for match in fused.matches], **part),
            StepRecord(name="draft", answer=[tag.model_dump() for tag in fused.tags], **part),
        ),
    }


def fails_softly(
    name: StepName, step: Callable[[TaggingState, TaggingContext], Awaitable[Update]], default: TaggingContext | None
) -> Any:
    """`step` as a node: with its context, and with a failed answer turned into a `failure`."""

    async def node(state: TaggingState, *, runtime: Runtime[TaggingOptions]) -> Update:
        if "failure" in state:
            return {}
        given = runtime.context
        if isinstance(given, TaggingContext):
            context = given
        elif default is not None:
            context = default.with_options(given)
        else:
            raise ValueError("the tagging graph needs a context: ainvoke(…, context=TaggingContext(program=…))")
        if "handbook" in context.skip:
            context = replace(context, handbook=None)
        try:
            return await step(state, context)
        except StepFailed as problem:
            note = state["note"]
            failure = Failure(
                note_id=note.id,
                note_digest=note.digest,
                step=name,
                reason=problem.reason,
                message=str(problem)[:2000],
                request=problem.request,
                answer=problem.answer,
                prompt_tokens=problem.prompt_tokens,
                completion_tokens=problem.completion_tokens,
                steps=state.get("steps", ()),
                pictures=state.get("pictures", ()),
                decisions=state.get("decisions", ()),
            )
            return {"failure": failure}

    return node


def _question(
    state: TaggingState, context: TaggingContext, *, pictures: tuple[Picture, ...] | None = None, tags: Any = ()
) -> Question:
    return Question(
        note=state["note"],
        lang=state["note"].lang,
        limits=context.limits,
        pictures=state.get("opened", ()) if pictures is None else pictures,
        seen=state.get("pictures", ()),
        category=state.get("category"),
        interests=state.get("interests", ()),
        matched=state.get("matched", ()),
        tags=tags,
        show_hashtags=context.show_hashtags,
        sources=state["sources"],
    )


def _drafted(question: Question, answer: Drafts) -> Update:
    """The drafts; where they say which interests are matched, these as well."""
    matches = spoken_to(question, answer)
    if matches is question.matched:
        return {"drafts": drafted(question, answer)}
    return {"matched": matches, "drafts": drafted(replace(question, matched=matches), answer)}


def _described(question: Question, answer: Description) -> Update:
    records = described(question, answer)
    note = question.note
    if not records:
        if not question.sources.texts:  # of a picture alone, where pictures are skipped
            raise StepFailed("nothing_to_tag", "no text and no picture")
        return {"opened": (), "pictures": ()}
    sources = Sources.of(note, records, show_hashtags=question.show_hashtags)
    if not sources.texts and not sources.described:
        reasons = "; ".join(r.refused.message for r in records if r.refused is not None)
        raise StepFailed("nothing_to_tag", f"no text, and no picture could be opened: {reasons}")
    return {"opened": question.pictures, "pictures": records, "sources": sources}


async def _vectors(tags: list[str], context: TaggingContext) -> NDArray[np.float32] | None:
    """Meaning of the tags, shape (n, d); zeros, near to nothing, where it cannot matter or, in Chinese, be read."""
    wanted = [tags[i] for i in meaning_matters(tags) if not has_han(tags[i])]
    if context.encoder is None or len(wanted) < 2:
        return None
    found = dict(zip(wanted, await context.encoder.aembed_documents(wanted), strict=True))
    nothing = [0.0] * len(next(iter(found.values())))
    return np.asarray([found.get(tag, nothing) for tag in tags], dtype=np.float32)


def _fused_merges(state: TaggingState, fused: Fused) -> Merges:
    """Merges of the fused answer, renumbered: some of its drafts were not taken over."""
    order = _order(state, fused)
    merges = [
        merge.model_copy(update={"tag": order[merge.tag], "into": order[merge.into]})
        for merge in fused.merges
        if merge.tag in order and merge.into in order
    ]
    return Merges(merges=merges)


def _fused_final(state: TaggingState, fused: Fused) -> Refined:
    """Final tags of the fused answer, renumbered to the kept tags."""
    drafts = state.get("drafts", ())
    kept = {draft.tag: number for number, draft in enumerate(state.get("kept", ()), 1)}
    spoken_for = {d.tag: d.into for d in state.get("decisions", ()) if d.into}
    order = _order(state, fused)
    tags = []
    for choice in fused.final:
        tag = drafts[order[choice.number] - 1].tag if choice.number in order else ""
        if spoken_for.get(tag) in kept and tag not in kept:
            tag = spoken_for[tag] or ""
            choice = choice.model_copy(update={"tag": tag})
        if tag in kept:
            tags.append(choice.model_copy(update={"number": kept[tag]}))
    return Refined(tags=tags)


def _unrefined(question: Question, *, require_evidence: bool) -> tuple[tuple[FinalTag, ...], tuple[Decision, ...]]:
    """The kept tags as they are, best first; only what may never be a tag, and what is too much, is dropped."""
    tags: list[FinalTag] = []
    decisions: list[Decision] = []
    for draft in sorted(question.tags, key=lambda tag: -tag.score):
        reason: DecisionReason
        if question.sources.only_in_instructions(draft.tag):
            reason = "instruction"
        elif require_evidence and not draft.evidence:
            reason = "no_evidence"
        elif len(tags) >= question.limits.max_tags:
            reason = "over_limit"
        else:
            confidence = min(1.0, max(0.0, draft.score))
            tags.append(
                FinalTag(tag=draft.tag, confidence=confidence, evidence=draft.evidence, interest=draft.interest)
            )
            continue
        decisions.append(Decision(tag=draft.tag, action="dropped", step="refine", reason=reason))
    return tuple(tags), tuple(decisions)


def _order(state: TaggingState, fused: Fused) -> dict[int, int]:
    """From a draft's number in the fused answer to its number in the state."""
    numbers = {draft.tag: number for number, draft in enumerate(state.get("drafts", ()), 1)}
    found = ((number, " ".join(tag.tag.split())) for number, tag in enumerate(fused.tags, 1))
    return {number: numbers[tag] for number, tag in found if tag in numbers}


def _unopened(ref: str) -> Picture:
    refusal = PictureRefusal(ref=ref[:300], reason="not_found", message="no pictures were handed to the graph")
    return Picture(ref=ref[:300], refused=refusal)


def _step(name: StepName, answered: Answered[Any], started: float, context: TaggingContext) -> StepRecord:
    return StepRecord(
        name=name,
        program=answered.program,
        prompt=answered.prompt,
        request=answered.request,
        answer=answered.answer.model_dump(mode="json"),
        prompt_tokens=answered.prompt_tokens,
        completion_tokens=answered.completion_tokens,
        milliseconds=_since(started, context),
        cached=answered.cached,
    )


def _since(started: float, context: TaggingContext) -> float:
    return round(1000 * (context.clock() - started), 3)


def _why_no_tags(question: Question, decisions: int) -> str:
    if question.sources.set_aside:
        return "nothing is left to tag once the sentences that address the tagger are set aside"
    if decisions:
        return f"none of the drafts holds: {decisions} were merged or dropped; the decisions say why"
    return "nothing in the note or its pictures gave a tag"
