"""A base that sees learns from pictures, fused late or not; the folder remembers, and what cannot be is refused."""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from notes import Note
from recommend import RecommendError
from recommend.methods import Embedder, Writer, open_method
from recommend.model.base import open_base
from recommend.model.folder import CHECKPOINTS, HEAD, MODEL, TRAINING, Fusion, read_model
from recommend.training import TrainingConfig
from recommend.training.preparing import network_for, viewer_for
from recommend.training.training import train
from tests.distill.student import tiny_text
from tests.recommend.pictured import base, examples, kind_of, looking, notes_in, picture, recall

CONFIG: dict[str, Any] = {
    "steps": 30,
    "batch": 8,
    "learning_rate": 2e-3,
    "alpha": 1.0,
    "dimension": 16,
    "note_tokens": 32,
    "head_steps": 50,
}


class Made(NamedTuple):
    base: str
    folder: Path
    learned: list[Note]
    held_out: list[Note]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("notes")
    return Made(base(tmp_path_factory.mktemp("base")), folder, notes_in(folder, 6), notes_in(folder, 4, first=50))


def trained(made: Made, out: Path, pictures: int, **settings: Any) -> Path:
    found = examples(made.learned, looking(made.folder) if pictures else None)
    train(found, made.base, out, TrainingConfig(**{**CONFIG, "pictures": pictures, **settings}))
    return out


def asked(model: Path, made: Made) -> Embedder:
    return open_method("notellm", model=model, pictures=looking(made.folder))


@pytest.fixture(scope="module")
def unfused(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(made, tmp_path_factory.mktemp("unfused") / "model", 1)


@pytest.fixture(scope="module")
def late(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(made, tmp_path_factory.mktemp("late") / "model", 1, fusion="late")


@pytest.fixture(scope="module", params=["unfused", "late"])
def seeing(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def reading(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(made, tmp_path_factory.mktemp("reading") / "model", 0)


def test_what_only_pictures_tell_is_learned_from_them_and_not_from_the_words(
    seeing: Path, reading: Path, made: Made
) -> None:
    assert recall(asked(seeing, made), made.held_out) >= 0.9  # by chance 3/19
    assert recall(asked(reading, made), made.held_out) <= 0.4
    curve = [json.loads(line)["loss"] for line in (seeing / "curve.jsonl").read_text("utf-8").splitlines()]
    assert np.mean(curve[-5:]) < np.mean(curve[:5]) - 0.3
    writer = asked(seeing, made)
    assert isinstance(writer, Writer)
    right = [
        one.category == kind_of(note) for one, note in zip(writer.write(made.held_out), made.held_out, strict=True)
    ]
    assert sum(right) >= 14  # by chance 4 of 20


def test_notes_that_differ_in_their_picture_alone_differ_where_pictures_are_looked_at(
    seeing: Path, reading: Path, made: Made
) -> None:
    one = made.held_out[0]
    both = [one, one.model_copy(update={"images": made.held_out[-1].images})]
    found, same = asked(seeing, made).embed(both), asked(reading, made).embed(both)
    assert not np.allclose(found[0], found[1], atol=1e-2)
    assert same[0] == pytest.approx(same[1], abs=1e-6)


def test_a_note_has_one_vector_in_any_company_and_after_every_opening(seeing: Path, made: Made) -> None:
    embedder = asked(seeing, made)
    vectors = embedder.embed(made.held_out)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    again = asked(seeing, made)
    assert again.embed(made.held_out[::-1])[::-1] == pytest.approx(vectors, abs=2e-2)
    assert again.revision == embedder.revision
    made_with = read_model(seeing)
    assert (made_with.pictures, made_with.refused) == (1, 0)
    assert made_with.fusion == made_with.made_of.config["fusion"]


def test_a_broken_picture_leaves_the_text_and_a_note_of_a_picture_alone_has_a_vector(
    seeing: Path, made: Made, tmp_path: Path
) -> None:
    (tmp_path / "torn.png").write_bytes(b"torn")
    text = made.held_out[0].model_copy(update={"images": ()})
    torn = text.model_copy(update={"images": ("torn.png",)})
    alone = Note(id="alone", images=(picture(tmp_path / "a.png", (200, 60, 40), 1),))
    nothing = Note(id="nothing", images=("torn.png",))
    pictures = looking(tmp_path)
    embedder = open_method("notellm", model=seeing, pictures=pictures)
    vectors = embedder.embed([torn, text, alone, nothing])
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-6)
    assert np.linalg.norm(vectors[2]) == pytest.approx(1, abs=1e-5)
    assert not vectors[3].any()
    assert len(pictures.refused) == 2
    with pytest.raises(
        RecommendError, match=r"looks at 1 pictures of a note, .*'dusk-50' are; give open_method pictures="
    ):
        open_method("notellm", model=seeing).embed(made.held_out)
    assert open_method("notellm", model=seeing).embed([text])[0] == pytest.approx(vectors[1], abs=2e-2)


def test_pictures_that_cannot_be_opened_are_counted_in_training(made: Made, tmp_path: Path) -> None:
    notes = [note.model_copy(update={"images": ("none.png", *note.images)}) for note in made.learned]
    found = examples(notes, looking(made.folder))
    done = train(found, made.base, tmp_path / "model", TrainingConfig(**{**CONFIG, "steps": 1, "pictures": 1}))
    assert done.refused == len(notes)


def test_a_training_with_pictures_that_was_killed_goes_on_to_the_same_model(made: Made, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(what: str, done: int, of: int) -> None:
        if what == "training" and done == 5:
            raise Killed

    config = TrainingConfig(**{**CONFIG, "steps": 6, "save_every": 4, "pictures": 1, "fusion": "late"})
    found = examples(made.learned, looking(made.folder))
    out = tmp_path / "killed"
    with pytest.raises(Killed):
        train(found, made.base, out, config, told=kill)
    assert [one.name for one in (out / TRAINING / CHECKPOINTS).iterdir()] == ["checkpoint-4"]
    steps: list[int] = []
    train(found, made.base, out, config, told=lambda what, done, _: steps.append(done) if what == "training" else None)
    assert steps == [5, 6]
    train(found, made.base, tmp_path / "whole", config)
    vectors, wanted = (asked(one, made).embed(made.held_out) for one in (out, tmp_path / "whole"))
    assert vectors == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize(("setting", "fusion"), [("lora", "late"), ("layers", "none")])
def test_adapters_and_last_layers_are_those_of_the_language_model(
    setting: str, fusion: Fusion, made: Made, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    more = {"steps": 2, "fusion": fusion, "checkpointing": True, "precision": "bf16"}
    out = trained(made, tmp_path / "model", 1, **{setting: 1, **more})
    known = open_base(made.base).model.state_dict()
    now = load_file(out / "base" / "model.safetensors")
    assert now.keys() == known.keys()
    changed = {name for name in known if not np.allclose(known[name].numpy(), now[name].float().numpy(), atol=1e-7)}
    changed -= {"model.text_model.embed_tokens.weight"} if setting == "lora" else set()  # of it [EMB] alone
    layers = [f"model.text_model.layers.{number}." for number in range(3)]
    allowed = layers if setting == "lora" else [layers[2], "model.text_model.norm", "lm_head"]
    assert any("q_proj" in name for name in changed)
    assert all(name.startswith(tuple(allowed)) for name in changed), changed
    assert read_model(out).trained_weights < read_model(out).weights / 2
    assert asked(out, made).embed(made.held_out).any()


def test_last_layers_are_found_wherever_what_looks_at_pictures_stands(made: Made) -> None:
    opened = open_base(made.base)
    parts = opened.model.model._modules
    parts["vision_model"] = parts.pop("vision_model")  # behind the language model, as some bases have it
    net = network_for(opened, TrainingConfig(**{**CONFIG, "layers": 1}), "contrast", None)
    learned = {name for name, weight in net.named_parameters() if weight.requires_grad}
    assert any("text_model.layers.2." in name for name in learned)
    assert not any("vision_model" in name or "connector" in name for name in learned)


def test_without_pictures_what_looks_at_them_is_not_trained(reading: Path, made: Made) -> None:
    from safetensors.torch import load_file

    known = open_base(made.base).model.state_dict()
    now = load_file(reading / "base" / "model.safetensors")
    apart = ("model.vision_model.", "model.connector.")
    assert all((known[name] == now[name].float()).all() for name in known if name.startswith(apart))
    assert read_model(reading).trained_weights < read_model(reading).weights
    assert read_model(reading).pictures == 0


def test_a_model_from_before_there_were_pictures_is_the_one_without(reading: Path, made: Made, tmp_path: Path) -> None:
    shutil.copytree(reading, tmp_path / "model")
    old = json.loads((reading / MODEL).read_text("utf-8"))
    for name in ("pictures", "fusion", "refused"):
        old.pop(name)
        old["made_of"]["config"].pop(name, None)
    (tmp_path / "model" / MODEL).write_text(json.dumps(old), "utf-8")
    trained(made, tmp_path / "model", 0)  # is there, and is left
    assert json.loads((tmp_path / "model" / MODEL).read_text("utf-8")) == old
    vectors, wanted = (asked(one, made).embed(made.held_out) for one in (tmp_path / "model", reading))
    assert np.array_equal(vectors, wanted)


def test_what_pictures_need_and_is_not_there_is_refused(made: Made, tmp_path: Path) -> None:
    text = str(tiny_text.build(tmp_path / "text"))
    found = examples(made.learned, looking(made.folder))

    def refused(base: str, learned: Any = found, **settings: Any) -> str:
        with pytest.raises(RecommendError) as refusal:
            train(learned, base, tmp_path / "model", TrainingConfig(**{**CONFIG, **settings}))
        assert not (tmp_path / "model").exists()
        return str(refusal.value)

    assert "reads text alone; leave --pictures and --fusion out, or choose a vision" in refused(text, pictures=2)
    assert refused(text, fusion="late").startswith(f"--fusion late: the base {text} reads text alone")
    assert "--fusion late is of pictures, and none are shown; add --pictures 1" in refused(made.base, fusion="late")
    blind = examples([note.model_copy(update={"images": ()}) for note in made.learned], looking(made.folder))
    said = "--pictures 1: none of the 30 notes to learn from names a picture that could be looked for"
    assert said in refused(made.base, blind, pictures=1)
    assert said in refused(made.base, examples(made.learned, None), pictures=1)
    assert "lower --note-tokens by" in refused(made.base, pictures=64, note_tokens=32_768)


def test_a_fusion_needs_to_know_which_token_stands_for_a_picture(made: Made) -> None:
    opened = open_base(made.base)
    config = TrainingConfig(**{**CONFIG, "pictures": 1, "fusion": "late"})
    viewer = viewer_for(examples(made.learned, looking(made.folder)), opened, config)
    mute = opened._replace(processor=object())
    with pytest.raises(
        RecommendError, match="does not say which token stands for a piece of a picture; use --fusion n"
    ):
        network_for(mute, config, "notellm", viewer)


def test_a_fusion_that_is_not_in_the_folder_is_damage(late: Path, made: Made, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(late, tmp_path / "model")
    kept = {name: weight for name, weight in load_file(late / HEAD).items() if not name.startswith("fusion.gate")}
    save_file(kept, tmp_path / "model" / HEAD)
    with pytest.raises(RecommendError, match=r"fusion\.gate\.weight.*the model is damaged"):
        asked(tmp_path / "model", made)
