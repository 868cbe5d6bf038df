"""The network: what a base is turned into, and that padding, company and our own loss change nothing."""

from pathlib import Path
from typing import Any

import pytest
import torch

import prompts
from notes import Note
from recommend import RecommendError
from recommend.model import read_model
from recommend.model.base import EMB, Base, open_base, require_room
from recommend.model.losses import IGNORED
from recommend.model.network import labels_of, network, padded
from recommend.model.words import Prompted, Prompter
from tests.distill.student import tiny_text

NOTES = [
    Note(id="1", title="Night view", content="The skyline of the bay", category="travel", hashtags=("sg", "bay")),
    Note(id="2", title="老猫肾病饮食", content="处方粮怎么选", category="pets", hashtags=("猫",)),
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_text.build(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(params=["tiny", "minilm"])
def base(request: pytest.FixtureRequest, tiny: Path) -> Base:
    return open_base(str(tiny) if request.param == "tiny" else "minilm")


def made(base: Base) -> tuple[Any, list[Prompted], list[tuple[int, ...]]]:
    torch.manual_seed(0)
    net = network(base.model, hidden=base.hidden, dimension=8, temperature=3.0, alpha=0.5).eval()
    prompter = Prompter(base.tokenizer, prompts.named("compression/v1"), note_tokens=64)
    asked = [prompter.prompt(NOTES[0], "category"), prompter.prompt(NOTES[1], "hashtags", 1)]
    return net, asked, [prompter.output(("travel",)), prompter.output(("猫",))]


def test_a_base_reads_the_new_word_as_one_token_that_starts_as_the_mean_of_all(base: Base) -> None:
    assert len(base.tokenizer(EMB, add_special_tokens=False)["input_ids"]) == 1
    words = base.model.get_input_embeddings().weight
    word = base.tokenizer.convert_tokens_to_ids(EMB)
    assert torch.allclose(words[word], words[:word].mean(dim=0), atol=1e-5)


def test_a_token_sees_only_those_before_it_also_where_the_base_was_an_encoder(base: Base) -> None:
    net, asked, outputs = made(base)
    short, whole = padded(asked[:1], 0), padded(asked[:1], 0, outputs[:1])
    with torch.no_grad():
        before, after = (net.vectors(net.read(b.ids, b.mask), b.places) for b in (short, whole))
    assert torch.allclose(before, after, atol=1e-4)


def test_padding_and_company_change_no_vector(base: Base) -> None:
    net, asked, _ = made(base)
    asked[1] = asked[1]._replace(ids=(*asked[1].ids, *asked[1].ids[-9:]))
    together = padded(asked, base.tokenizer.pad_token_id)
    with torch.no_grad():
        vectors = net.vectors(net.read(together.ids, together.mask), together.places)
        for row, one in enumerate(asked):
            alone = padded([one], base.tokenizer.pad_token_id)
            assert torch.allclose(
                net.vectors(net.read(alone.ids, alone.mask), alone.places)[0], vectors[row], atol=1e-4
            )


def test_the_loss_of_writing_is_the_bases_own_on_the_same_labels(base: Base) -> None:
    net, asked, outputs = made(base)
    batch, labels = padded(asked, base.tokenizer.pad_token_id, outputs), labels_of(outputs)
    found = net(**batch._asdict(), notes=torch.tensor([0, 1]), added=torch.zeros(2), labels=labels)
    whole = torch.full_like(batch.ids, IGNORED)
    whole[:, -labels.shape[1] :] = labels
    assert (whole != IGNORED).sum() == sum(map(len, outputs))
    places = (batch.mask.long().cumsum(1) - 1).clamp(min=0)
    theirs = base.model(
        input_ids=batch.ids, attention_mask=batch.mask.long(), position_ids=places, labels=whole, use_cache=False
    ).loss
    assert found["generative"].item() == pytest.approx(theirs.item(), rel=1e-5)
    wanted = (found["contrastive"] + 0.5 * found["generative"]) / 1.5
    assert found["loss"].item() == pytest.approx(wanted.item(), rel=1e-6)


@pytest.fixture
def exact(tiny: Path, tmp_path: Path) -> Base:
    """A base that computes in float64 throughout; Llama's norms never do."""
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    tokenizer.save_pretrained(tmp_path)
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=4, n_positions=512)
    torch.manual_seed(0)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    return open_base(str(tmp_path), dtype=torch.float64)


def test_the_gradient_of_the_joint_loss_is_the_numerical_one_through_the_whole_network(exact: Base) -> None:
    net, asked, outputs = made(exact)
    net = net.double()
    batch = padded(asked * 2, exact.tokenizer.pad_token_id, outputs * 2)
    inputs = {**batch._asdict(), "notes": torch.arange(4), "added": torch.arange(4.0), "labels": labels_of(outputs * 2)}
    inputs["ids"][2, batch.mask[2].nonzero()[5]] += 1  # another note
    net(**inputs)["loss"].backward()
    checked = [net.temperature, net.head.weight, exact.model.get_input_embeddings().weight]
    checked.append(exact.model.transformer.h[0].mlp.c_fc.weight)
    word = exact.tokenizer.convert_tokens_to_ids(EMB)
    for weight in checked:
        place = (word, 3) if weight is checked[2] else (0,) * weight.dim()
        step, ends = 1e-5, []
        for sign in (1, -1):
            with torch.no_grad():
                weight[place] += sign * step
                ends.append(net(**inputs)["loss"].item())
                weight[place] -= sign * step
        assert weight.grad[place].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-9)
        assert weight.grad[place] != 0


def test_bases_that_cannot_be_are_refused(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(RecommendError, match=r"holds no config\.json"):
        open_base(str(tmp_path))
    with pytest.raises(RecommendError, match="no model folder"):
        open_base(str(tmp_path / "none"))
    with pytest.raises(RecommendError, match="it is a base without a trained \\[EMB\\]"):
        read_model(tiny)
    (tmp_path / "config.json").write_text('{"model_type": "clip"}', "utf-8")
    with pytest.raises(RecommendError, match="cannot be loaded"):
        open_base(str(tmp_path))
    short = open_base(str(tiny_text.build(tmp_path / "short", positions=64)))
    with pytest.raises(RecommendError, match=r"reads 64 tokens at most.*takes up to 200; lower --note-tokens by 136"):
        require_room(short, 200)
