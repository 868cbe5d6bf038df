"""Putting a tagging run together: teacher, handbook, pictures."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

import prompts
from distill.student.asking import Asking, asked_as
from graphs.tagging import TaggingContext
from handbook.folder import open_index
from notes.fetching import Fetcher
from notes.folders import cache_folder
from notes.pictures import PicturePolicy, PictureStore
from signatures.embedded import embedded_program
from signatures.questions import Program, TagLimits
from tagllm.settling import settled
from tagllm.teaching import TeacherChoice, open_engine, said_of
from teachers.embedded import Encoder, Perceiver
from teachers.store import JsonStore

if TYPE_CHECKING:
    import dspy

    from teachers.vllm.engine import VllmEngine


@dataclass(frozen=True)
class Setup:
    """A context with what must be closed after it."""

    context: TaggingContext
    encoder: Encoder
    pictures: PictureStore
    stack: ExitStack
    perceiver: Perceiver | None = None
    """Of the embedded teacher."""
    engine: "VllmEngine | None" = None
    """Of a model on servers."""

    @property
    def said(self) -> str:
        """What it took, in a line."""
        if self.engine is not None:
            return said_of(self.engine)
        perceived = self.perceiver.perceived if self.perceiver is not None else 0
        return f"{perceived} pictures looked at, the others were known"

    async def disconnect(self) -> None:
        """Close the connections of the running event loop."""
        if self.engine is not None:
            await self.engine.aclose()

    def close(self) -> None:
        """Close caches, end a server that was started."""
        self.stack.close()


def tagging_setup(
    folder: Path,
    *,
    teacher: TeacherChoice | None = None,
    handbook: Path | None = None,
    fetch: bool = False,
    limits: TagLimits | None = None,
    show_hashtags: bool = False,
    fused: bool | None = None,
) -> Setup:
    """A teacher, ready to tag.

    Args:
        folder: The notes' folder; pictures outside it are refused.
        teacher: Who answers; by default the embedded teacher.
        handbook: Folder of a handbook; None: tags come from the notes alone.
        fetch: Whether `http(s)` pictures are fetched.
        limits: House form.
        show_hashtags: Whether the author's own hashtags may be read.
        fused: Whether everything is asked at once, which the words that are named must be for; None: either way.

    Raises:
        handbook.HandbookError: the handbook cannot be used.
        prompts.PromptError: there are no such words, or they ask the other way.
        distill.student.StudentError: the student cannot be asked this way.
        teachers.vllm.launch.ServerError: the model's server cannot be used.
        teachers.store.StoreError: a cache cannot be used.
    """
    teacher = teacher or TeacherChoice()
    with ExitStack() as stack:
        encoder = Encoder()
        index = open_index(handbook, encoder) if handbook is not None else None
        if index is not None and index.matcher is not None:
            encoder.remember(index.matcher.meanings())
        asking = asked_as(teacher.model, teacher.prompts) if teacher.student else None
        policy = PicturePolicy(max_side=asking.max_side) if asking is not None and asking.max_side else None
        pictures = PictureStore(folder, policy=policy, fetch=Fetcher() if fetch else None)
        perceiver = engine = None
        if teacher.name == "embedded":
            # Encoder and matcher have threads of their own: more of them wait for one another.
            stack.enter_context(threadpool_limits(1, "blas"))
            store = JsonStore(cache_folder("perceptions"), size_limit=1 << 30)
            stack.callback(store.close)
            perceiver = Perceiver(store)
            program = embedded_program(encoder, perceiver, index)
        else:
            from signatures.llm import llm_program
            from teachers.vllm.engine import vllm_lm

            words = _words(teacher.prompts if asking is None else "", fused)  # before a server is started for nothing
            engine = open_engine(teacher, stack)
            lm = vllm_lm(engine, temperature=teacher.temperature, max_tokens=teacher.max_tokens)
            if asking is not None:
                program = _student(lm, asking, engine)
            else:
                program = llm_program(
                    lm,
                    words=words["words"],
                    fused_words=words["fused_words"],
                    revision=engine.revision,
                    handbook_tokens=teacher.handbook_tokens,
                )
        context = TaggingContext(
            program=program,
            pictures=pictures,
            handbook=index,
            encoder=encoder,
            limits=limits or TagLimits(),
            show_hashtags=show_hashtags,
        )
        stack.enter_context(settled())
        return Setup(context, encoder, pictures, stack.pop_all(), perceiver, engine)


def _words(named: str, fused: bool | None) -> dict[str, prompts.PromptProgram]:
    """The words that ask step by step and all at once: the defaults, or for one of them the version that is named.

    Raises:
        prompts.PromptError: there are none, they cannot be asked with, or nobody would ask with those that are named.
    """
    programs = {
        "words": prompts.named(prompts.default("tagging")),
        "fused_words": prompts.named(prompts.default("tagging_fused")),
    }
    if named:
        program = prompts.named(named)
        way = {"tagging": "steps", "tagging_fused": "fused"}.get(program.name)
        if way is None:
            raise prompts.PromptError(f"{named} does not tag notes; versions of tagging and of tagging_fused do")
        if fused is not None and fused != (way == "fused"):
            raise prompts.PromptError(f"{named} is asked with --graph {way}; add it, or name other words")
        programs["fused_words" if way == "fused" else "words"] = program
    return programs


def _student(lm: "dspy.LM", asking: Asking, engine: "VllmEngine") -> Program:
    from signatures.student_program import student_program

    return student_program(lm, words=asking.words, limits=asking.limits, step=asking.step, revision=engine.revision)
