"""A training ends in one model that embeds and writes; killed, it goes on to the same; what does not fit is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from notes import Note
from recommend import RecommendError
from recommend.methods import Writer, open_method
from recommend.methods.embedder import Embedder
from recommend.model import base
from recommend.model.folder import CHECKPOINTS, MODEL, TRAINING, Method
from recommend.pairs import Pairs
from recommend.training import TrainingConfig
from recommend.training.examples import Examples, make_examples
from recommend.training.training import train
from tests.distill.student import tiny_text

TOPICS = {"travel": "night view skyline bay hotel", "pets": "cat kidney food feeder water", "food": "noodle soup egg"}
NOTES = [
    Note(
        id=f"{topic}-{number}",
        title=" ".join(np.random.default_rng((number, len(topic))).permutation(words.split())[:3].tolist()),
        content=f"note {number}",
        category=topic,
        hashtags=(words.split()[0],),
    )
    for topic, words in TOPICS.items()
    for number in range(4)
]
CONFIG = TrainingConfig(
    steps=60, batch=6, learning_rate=5e-3, dimension=16, note_tokens=48, alpha=1.0, save_every=40, head_steps=10
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    sentences = [f"{note.title} {note.content} {note.category}" for note in NOTES]
    return str(tiny_text.build(tmp_path_factory.mktemp("base"), sentences=sentences, positions=512, hidden=48))


def examples(notes: list[Note] = NOTES) -> Examples:
    both = [
        (one, other)
        for one in range(len(notes))
        for other in range(one + 1, len(notes))
        if notes[one].category == notes[other].category
    ]
    queries, targets = (np.array(column, dtype=np.int32) for column in zip(*both, strict=True))
    ids = tuple(note.id for note in notes)
    found = Pairs(ids=ids, queries=queries, targets=targets, scores=np.ones(len(both)))
    shown = [note.model_copy(update={"hashtags": ()}) for note in notes]
    return make_examples(shown, {note.id: note.hashtags for note in notes}, found)


@pytest.fixture(scope="module")
def model(tiny: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "notellm"
    train(examples(), tiny, out, CONFIG)
    return out


def nearest_share(embedder: Embedder) -> float:
    """Share of notes whose nearest other note is of the same topic."""
    vectors = embedder.embed(NOTES)
    near = vectors @ vectors.T - 2 * np.eye(len(NOTES))
    return float(
        np.mean([NOTES[int(one)].category == note.category for one, note in zip(near.argmax(1), NOTES, strict=True)])
    )


def test_one_model_embeds_and_writes(model: Path) -> None:
    embedder = open_method("notellm", model=model)
    vectors = embedder.embed([*NOTES, Note(id="picture", images=("a.jpg",))])
    assert vectors.shape == (13, 16)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors[:12], axis=1) == pytest.approx(1, abs=1e-5)
    assert not vectors[12].any()
    assert nearest_share(embedder) >= 0.75  # by chance 0.27
    assert embedder.embed(NOTES[3:4])[0] == pytest.approx(vectors[3], abs=1e-4)
    assert isinstance(embedder, Writer)
    bare = [note.model_copy(update={"hashtags": (), "category": ""}) for note in NOTES]
    written = embedder.write([*bare, Note(id="picture", images=("a.jpg",))])
    assert written[12] == ("", ())
    right = [one.category == note.category for one, note in zip(written, NOTES, strict=False)]
    assert sum(right) >= 8  # by chance 4 of 12; from processor to processor it differs by one or two
    assert {tag for one in written[:12] for tag in one.hashtags} <= {"night", "cat", "noodle"}
    assert open_method("notellm", model=model).revision == embedder.revision


def test_a_model_says_the_same_in_bfloat16_as_in_float32(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for fast in (True, False):
        monkeypatch.setattr(base, "has_fast_bf16", lambda fast=fast: fast)
        asked: Any = open_method("notellm", model=model)
        weights = next(asked._model._base.model.parameters())
        assert weights.dtype == (torch.bfloat16 if fast else torch.float32)
        found.append(asked.embed(NOTES))
    assert not np.array_equal(*found)
    assert (found[0] * found[1]).sum(axis=1).min() > 0.99


def test_what_made_it_is_written_down(model: Path) -> None:
    made = json.loads((model / MODEL).read_text("utf-8"))
    assert made["made_of"]["method"] == "notellm"
    assert made["steps"] == 60
    assert made["pairs"] == 18
    assert made["loss"].keys() == {"L", "L_cl", "L_gen"}
    curve = [json.loads(line) for line in (model / "curve.jsonl").read_text("utf-8").splitlines()]
    assert curve[0]["loss"] > curve[-1]["loss"]
    assert curve[0]["loss"] == pytest.approx((curve[0]["contrastive"] + curve[0]["generative"]) / 2, rel=1e-4)
    assert not (model / TRAINING).exists()


def test_a_training_that_was_killed_goes_on_to_the_same_model(model: Path, tiny: str, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(what: str, done: int, of: int) -> None:
        if what == "training" and done == 42:
            raise Killed

    out = tmp_path / "model"
    with pytest.raises(Killed):
        train(examples(), tiny, out, CONFIG, told=kill)
    assert [one.name for one in (out / TRAINING / CHECKPOINTS).iterdir()] == ["checkpoint-40"]
    with pytest.raises(RecommendError, match="its training has not finished; the same command goes on"):
        open_method("notellm", model=out)
    other = str(tiny_text.build(tmp_path / "other", seed=5, positions=512))
    with pytest.raises(RecommendError, match=r"holds a model made otherwise \(base: .* there, .* now; base_digest"):
        train(examples(), other, out, CONFIG)
    steps: list[int] = []
    train(examples(), tiny, out, CONFIG, told=lambda what, done, _: steps.append(done) if what == "training" else None)
    assert steps == list(range(41, 61))
    vectors, wanted = (open_method("notellm", model=one).embed(NOTES) for one in (out, model))
    assert vectors == pytest.approx(wanted, abs=1e-4)


def test_a_model_that_is_there_is_left_and_another_is_refused(model: Path, tiny: str) -> None:
    before = (model / MODEL).stat().st_mtime_ns
    train(examples(), tiny, model, CONFIG)
    assert (model / MODEL).stat().st_mtime_ns == before
    with pytest.raises(RecommendError, match=r"made otherwise \(data: "):
        train(examples(NOTES[:8]), tiny, model, CONFIG)
    with pytest.raises(RecommendError, match=r"made otherwise \(alpha: 1\.0 there, 0\.01 now\)"):
        train(examples(), tiny, model, TrainingConfig(**{**CONFIG.as_json(), "alpha": 0.01}))


@pytest.mark.parametrize("method", ["contrast", "repllama"])
def test_what_it_is_compared_with_is_trained_alike_and_writes_nothing(
    method: Method, tiny: str, tmp_path: Path
) -> None:
    config = TrainingConfig(**{**CONFIG.as_json(), "steps": 15})
    made = train(examples(), tiny, tmp_path / "model", config, method=method)
    assert made.loss.keys() == {"L", "L_cl"}
    assert made.loss["L"] == pytest.approx(made.loss["L_cl"], rel=1e-4)
    embedder: Any = open_method(method, model=tmp_path / "model")
    assert nearest_share(embedder) >= 0.5
    assert not isinstance(embedder, Writer)
    with pytest.raises(RecommendError, match=f"was trained as {method}, not as notellm"):
        open_method("notellm", model=tmp_path / "model")


def test_adapters_and_the_new_word_alone_are_trained_and_merged(tiny: str, tmp_path: Path) -> None:
    config = TrainingConfig(**{**CONFIG.as_json(), "lora": 4, "steps": 2})
    made = train(examples(), tiny, tmp_path / "model", config)
    assert made.trained_weights < made.weights / 2
    from safetensors.torch import load_file

    known = load_file(Path(tiny) / "model.safetensors")
    now = load_file(tmp_path / "model" / "base" / "model.safetensors")
    assert now.keys() == known.keys()
    words = "model.embed_tokens.weight"
    assert (now[words][: len(known[words]) - 1] == known[words][: len(known[words]) - 1]).all()
    changed = [
        name
        for name in known
        if name != words and now[name].shape == known[name].shape and (now[name] != known[name]).any()
    ]
    assert any("q_proj" in name for name in changed)
    assert open_method("notellm", model=tmp_path / "model").embed(NOTES[:1]).any()


def test_what_stands_before_the_last_layers_is_left_as_it_is(tiny: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    config = TrainingConfig(**{**CONFIG.as_json(), "layers": 1, "steps": 2})
    made = train(examples(), tiny, tmp_path / "model", config)
    assert made.trained_weights < made.weights
    known = load_file(Path(tiny) / "model.safetensors")
    now = load_file(tmp_path / "model" / "base" / "model.safetensors")
    layers = sorted({int(name.split(".")[2]) for name in known if name.startswith("model.layers.")})
    changed = {
        name
        for name in known
        if name in now and now[name].shape == known[name].shape and (now[name] != known[name]).any()
    }
    assert any(name.startswith(f"model.layers.{layers[-1]}.") for name in changed)
    assert not any(name.startswith(f"model.layers.{one}.") for name in changed for one in layers[:-1])


def test_models_that_are_damaged_or_missing_are_refused(model: Path, tiny: str, tmp_path: Path) -> None:
    with pytest.raises(RecommendError, match="notellm has to be trained: tagllm recommend train"):
        open_method("notellm")
    with pytest.raises(RecommendError, match="is no trained model: it is a base without a trained"):
        open_method("notellm", model=Path(tiny))
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    (copy / "head.safetensors").write_bytes(b"torn")
    with pytest.raises(RecommendError, match=r"head\.safetensors: .*the model is damaged"):
        open_method("notellm", model=copy)
    (copy / MODEL).write_text("{}", "utf-8")
    with pytest.raises(RecommendError, match="made by another version, or is damaged"):
        open_method("notellm", model=copy)
    (tmp_path / "letter").mkdir()
    (tmp_path / "letter" / "dear").write_text("…", "utf-8")
    with pytest.raises(RecommendError, match="holds other files and no model"):
        train(examples(), tiny, tmp_path / "letter", CONFIG)
    with pytest.raises(RecommendError, match=r"reads 512 tokens at most.*lower --note-tokens"):
        train(examples(), tiny, tmp_path / "long", TrainingConfig(**{**CONFIG.as_json(), "note_tokens": 600}))


def test_the_linear_layer_starts_at_what_the_base_knows(tiny: str) -> None:
    import prompts
    from recommend.model.base import open_base
    from recommend.model.network import network
    from recommend.model.words import Prompter
    from recommend.training.starting import start_head

    base = open_base("minilm")
    net = network(base.model, hidden=base.hidden, dimension=8, temperature=3.0, alpha=0.0)
    prompter = Prompter(base.tokenizer, prompts.named("compression/v1"), note_tokens=48)
    start_head(net, [prompter.prompt(note, "category") for note in NOTES], base.tokenizer.pad_token_id)
    from recommend.model.notellm import NoteLLM

    vectors = NoteLLM(base, net, prompter, form="category").embed(NOTES)
    near = vectors @ vectors.T - 2 * np.eye(len(NOTES))
    assert [NOTES[int(one)].category for one in near.argmax(axis=1)] == [note.category for note in NOTES]


def test_the_linear_layer_learns_the_pairs_while_the_base_stays_as_it_is(tiny: str) -> None:

    import prompts
    from recommend.model.base import open_base
    from recommend.model.losses import contrastive_loss
    from recommend.model.network import network, padded
    from recommend.model.words import Prompter
    from recommend.training.starting import start_head

    base = open_base(tiny)
    torch.manual_seed(0)
    net = network(base.model, hidden=base.hidden, dimension=8, temperature=3.0, alpha=0.0)
    prompter = Prompter(base.tokenizer, prompts.named("compression/v1"), note_tokens=48)
    prompted = [prompter.prompt(note, "category") for note in NOTES]
    found = examples()
    before = [weight.clone() for weight in base.model.parameters()]
    losses = []
    for steps in (0, 100):
        start_head(net, prompted, 0, found.pairs, found.added(1.0).tolist(), steps=steps)
        batch = padded(prompted, 0)
        with torch.no_grad():
            vectors = net.vectors(net.read(batch.ids, batch.mask), batch.places)
            rows = torch.tensor(found.pairs).flatten()
            losses.append(contrastive_loss(vectors[rows], net.temperature, rows).item())
    assert losses[1] < losses[0] / 2
    assert all(torch.equal(weight, other) for weight, other in zip(base.model.parameters(), before, strict=True))


def test_prompteol_asks_a_base_that_nobody_trained(model: Path, tiny: str) -> None:
    embedder = open_method("prompteol", model=Path(tiny))
    vectors = embedder.embed(NOTES)
    assert vectors.shape == (12, 48)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    with pytest.raises(RecommendError, match="prompteol asks a base that was not trained"):
        open_method("prompteol", model=model)
