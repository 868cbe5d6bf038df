"""The words as they reach a model, against files that show in a review what a change of the code does to them."""

import pytest

from tests.prompts.golden import FOLDER, VERSIONS, rendered


@pytest.mark.parametrize("id", VERSIONS)
def test_what_is_sent_with_the_shipped_words_is_what_the_golden_files_show(id: str) -> None:
    found = rendered(id)
    kept = {file.stem: file.read_text("utf-8") for file in (FOLDER / id).glob("*.txt")}
    assert found.keys() == kept.keys(), "make golden rewrites the files"
    for step in found:
        assert found[step] == kept[step], f"{id}/{step} is sent otherwise; if that is meant: make golden"
