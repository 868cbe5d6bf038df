"""Which weights answered."""

from pathlib import Path

from teachers.weights import weights_digest


def test_a_byte_anywhere_in_the_weights_makes_another_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(bytes(3 << 20))
    before = weights_digest(tmp_path)
    (tmp_path / "notes.md").write_text("what else lies there does not matter")
    assert weights_digest(str(tmp_path)) == before
    with weights.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    assert weights_digest(tmp_path) not in ("", before)


def test_a_name_on_the_hub_has_none(tmp_path: Path) -> None:
    assert weights_digest("org/name") == ""
    assert weights_digest(tmp_path / "nothing") == ""
