"""The collector while a command works."""

import gc

from tagllm.cli import main
from tagllm.settling import settled


def test_the_collector_leaves_alone_what_was_set_up_and_is_as_before_afterwards() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with settled():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > frozen
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_the_collector_works_seldom_under_a_command_and_is_as_before_afterwards() -> None:
    before = gc.get_threshold()
    with main.make_context("tagllm", ["prompts"]) as context:
        assert main.callback is not None
        context.invoke(main.callback)
        assert gc.get_threshold()[0] > before[0]
    assert gc.get_threshold() == before
