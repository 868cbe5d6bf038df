"""What a command sets up before it works."""

import gc

from click.testing import CliRunner

from tagllm.cli import main
from tagllm.setup import settled


def test_the_collector_leaves_alone_what_was_set_up_and_is_as_before_afterwards() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with settled():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > frozen
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_a_command_leaves_the_collector_as_it_was() -> None:
    before = gc.get_threshold()
    assert CliRunner().invoke(main, ["prompts", "list"]).exit_code == 0
    assert gc.get_threshold() == before
