"""What `tagllm student train` does and shows."""

from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from distill.student import StudentSummary, TrainingConfig
from tagllm.showing import printable
from tagllm.telling import telling


def run_train(corpus: Path, base: str, out: Path, config: TrainingConfig, messages: Console) -> StudentSummary:
    """Train a student; progress goes to standard error.

    Raises:
        distill.student.StudentError: it cannot be trained.
        distill.corpus.CorpusError: there is no corpus.
        prompts.PromptError: its words are not there.
    """
    from distill.student.training import train

    with telling(messages) as told:
        return train(corpus, base, out, config, told=told)


def rendered(student: StudentSummary) -> RenderableType:
    """What came of a training, for a terminal."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="cyan")
    table.add_column(overflow="fold")
    made = student.made_of
    learned, looked = (student.examples.get(split, 0) for split in ("train", "validation"))
    said = f"{learned:,} of {made.config['view']}, {looked:,} held out"
    if student.left_out:
        said += f", {student.left_out:,} too long and left out"
    losses = f"{_loss(student.loss)} on what it learned from, {_loss(student.held_out_loss)} on the held-out split"
    trained = "" if student.trained_weights == student.weights else f", {student.trained_weights:,} of them trained"
    rows = {
        "base": printable(made.base, 200),
        "corpus": printable(made.corpus, 200),
        "examples": said,
        "weights": f"{student.weights:,}{trained}",
        "steps": f"{student.steps:,} in {student.seconds:,.0f} s",
        "loss": losses,
    }
    for name, value in rows.items():
        table.add_row(name, Text(value))
    return Group(table)


def _loss(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
