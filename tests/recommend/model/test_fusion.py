"""Late fusion: the gate's numbers, whose picture is whose, and where the gradient goes."""

from pathlib import Path
from typing import Any

import pytest
import torch

import prompts
from notes import Note
from recommend import RecommendError
from recommend.model.base import Base, open_base
from recommend.model.fusion import Looks, encoder_of, late_fusion, looks_of, pictured
from recommend.model.losses import contrastive_loss
from recommend.model.network import network, padded
from recommend.model.viewing import Viewer
from recommend.model.words import Prompter
from recommend.training.starting import start_head
from tests.distill.student import tiny_text
from tests.recommend import pictured as made


def test_the_gate_weighs_picture_and_state_number_by_number() -> None:
    fusion = late_fusion(1, 2)
    with torch.no_grad():
        fusion.projection.weight.copy_(torch.tensor([[2.0], [-1.0]]))
        fusion.projection.bias.copy_(torch.tensor([0.0, 1.0]))
        fusion.gate.weight.copy_(torch.tensor([[0.5, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]))
        fusion.gate.bias.copy_(torch.tensor([-1.0, 0.0]))
    states = torch.tensor([[3.0, 0.0], [3.0, 7.0]])
    fused = fusion(states, Looks(torch.tensor([[1.0], [0.0]]), torch.tensor([True, False])))
    # v = (2·1, −1·1 + 1) = (2, 0); z = sigmoid(½·2 − 1, 1·0) = (½, ½); ½·v + ½·n = (1 + 1.5, 0)
    assert fused[0].tolist() == pytest.approx([2.5, 0.0])
    assert fused[1].tolist() == [3.0, 7.0]  # without a picture the state itself


def test_each_note_has_the_mean_of_its_own_pictures() -> None:
    patches = torch.tensor([[1.0], [3.0], [5.0], [7.0], [9.0], [11.0]])
    several = looks_of(patches, torch.tensor([2, 0, 1]))  # 2 states a token
    assert several.vectors.flatten().tolist() == [4.0, 0.0, 10.0]
    assert several.seen.tolist() == [True, False, True]
    squares = looks_of(patches.reshape(3, 2, 1), torch.tensor([2, 0, 1]))
    assert torch.equal(squares.vectors, several.vectors)
    with pytest.raises(RecommendError, match=r"has 6 states for 4 picture tokens, .*use --fusion none"):
        looks_of(patches, torch.tensor([3, 0, 1]))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return open_base(made.base(tmp_path_factory.mktemp("base")))


def fused(base: Base, folder: Path) -> tuple[Any, Prompter]:
    torch.manual_seed(0)
    viewer = Viewer(base.processor, made.looking(folder), 2)
    prompter = Prompter(base.tokenizer, prompts.named("compression/v1"), note_tokens=48, viewer=viewer)
    fusion = late_fusion(pictured(base.model, viewer.take([viewer.largest]).pixels), base.hidden)
    sizes = {"hidden": base.hidden, "dimension": 8, "temperature": 3.0, "alpha": 0.0}
    return network(base.model, **sizes, picture_token=base.picture_token, fusion=fusion), prompter


def test_what_the_encoder_saw_of_each_note_reaches_its_vector(base: Base, tmp_path: Path) -> None:
    net, prompter = fused(base, tmp_path)
    notes = made.notes_in(tmp_path, 1)[:3]
    notes[1] = notes[1].model_copy(update={"images": ()})
    notes[2] = notes[2].model_copy(update={"images": (*notes[2].images, *notes[0].images)})
    asked = [prompter.prompt(note, "category") for note in notes]
    batch = padded(asked, base.tokenizer.pad_token_id)
    with torch.no_grad():
        looks = net.read(batch.ids, batch.mask, batch.pixels).looks
        for row in (0, 2):
            pixels = asked[row].pixels
            assert pixels is not None
            alone = base.model.get_image_features(**pixels).last_hidden_state
            assert torch.allclose(looks.vectors[row], alone.mean(dim=(0, 1)), atol=1e-5)
    assert looks.seen.tolist() == [True, False, True]
    assert not looks.vectors[1].any()


def test_the_gradient_reaches_projection_gate_and_encoder(base: Base, tmp_path: Path) -> None:
    net, prompter = fused(base, tmp_path)
    notes = made.notes_in(tmp_path, 1)[:4]
    batch = padded([prompter.prompt(note, "category") for note in notes], base.tokenizer.pad_token_id)
    inputs = {"notes": torch.arange(4), "added": torch.zeros(4), "labels": torch.full((4, 1), -100)}
    net(**batch._asdict(), **inputs)["loss"].backward()
    for weight in (*net.fusion.parameters(), *encoder_of(base.model).embeddings.parameters()):
        assert weight.grad is not None
        assert weight.grad.any()
    base.model.zero_grad()


def test_a_note_without_a_picture_has_the_vector_of_its_text(base: Base, tmp_path: Path) -> None:
    net, prompter = fused(base, tmp_path)
    note = Note(id="1", title="A day out", images=("none.png",))
    batch = padded([prompter.prompt(note, "category")], base.tokenizer.pad_token_id)
    assert batch.pixels is None
    with torch.no_grad():
        reading = net.read(batch.ids, batch.mask, batch.pixels)
        vector = net.vectors(reading, batch.places)
        net.fusion = None
        assert torch.equal(vector, net.vectors(reading, batch.places))


def test_a_base_without_a_picture_encoder_has_no_fusion(tmp_path: Path) -> None:
    text = open_base(str(tiny_text.build(tmp_path)))
    with pytest.raises(RecommendError, match="no picture encoder by a known name; use --fusion none"):
        encoder_of(text.model)


def test_layer_gate_and_projection_learn_the_pairs_while_the_base_stays_as_it_is(base: Base, tmp_path: Path) -> None:
    net, prompter = fused(base, tmp_path)
    notes = made.notes_in(tmp_path, 4)
    found = made.examples(notes, made.looking(tmp_path))
    before = [weight.clone() for weight in base.model.parameters()]
    rows, losses, gates = torch.tensor(found.pairs).flatten(), [], []
    for steps in (0, 60):
        torch.manual_seed(0)
        asked = prompter.prompts(found.notes, "category")
        start_head(net, asked, base.tokenizer.pad_token_id, found.pairs, steps=steps)
        batch = padded(list(prompter.prompts(found.notes, "category")), base.tokenizer.pad_token_id)
        with torch.no_grad():
            vectors = net.vectors(net.read(batch.ids, batch.mask, batch.pixels), batch.places)
            losses.append(contrastive_loss(vectors[rows], net.temperature, rows).item())
        gates.append(net.fusion.gate.weight.detach().clone())
    assert losses[1] < losses[0] - 0.5
    assert not torch.equal(*gates)
    assert all(torch.equal(weight, other) for weight, other in zip(base.model.parameters(), before, strict=True))
