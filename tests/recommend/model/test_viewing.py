"""Pictures as tokens and pixels: in the base's own form, before the note's JSON, the same in any company."""

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

import prompts
from notes import Note
from recommend.model.base import Base, open_base, require_room
from recommend.model.fusion import late_fusion, pictured
from recommend.model.network import network, padded, positions
from recommend.model.viewing import Viewer, stacked
from recommend.model.words import EMB, Form, Prompter
from recommend.records import RecommendError
from tests.distill.student import tiny_text
from tests.recommend import pictured as made

FORMS: tuple[Form, ...] = ("category", "hashtags", "word", "bare")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return open_base(made.base(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="module")
def cutting(base: Base) -> Base:
    """The same, to which a picture is several squares, as many as its shape asks for, and the whole."""
    images, processor = copy.deepcopy(base.processor.image_processor), copy.copy(base.processor)
    images.do_image_splitting, images.size = True, {"longest_edge": 128}
    processor.image_processor = images
    return base._replace(processor=processor)


def prompter(base: Base, folder: Path, most: int = 1) -> Prompter:
    viewer = Viewer(base.processor, made.looking(folder), most)
    return Prompter(base.tokenizer, prompts.named("compression/v1"), note_tokens=48, viewer=viewer)


def test_whether_a_base_sees_stands_in_its_configuration(base: Base, tmp_path: Path) -> None:
    assert base.sees
    assert len(base.tokenizer(EMB, add_special_tokens=False)["input_ids"]) == 1
    text = open_base(str(tiny_text.build(tmp_path)))
    assert (text.sees, text.picture_token, text.language) == (False, None, text.model)


def test_pictures_stand_before_the_notes_json_as_the_base_knows_them(base: Base, tmp_path: Path) -> None:
    [note, other, *_] = made.notes_in(tmp_path, 1)
    two = note.model_copy(update={"images": (*note.images, *other.images, *other.images)})
    plain = Prompter(base.tokenizer, prompts.named("compression/v1"), note_tokens=48)
    theirs = base.processor(text=["<image>"], images=[[made.looking(tmp_path).of(note, 1)[0]]])["input_ids"][0]
    for form in FORMS:
        seen, text = prompter(base, tmp_path, 2).prompt(two, form, 2), plain.prompt(two, form, 2)
        start = text.note[0]
        assert seen.ids == (*text.ids[:start], *theirs, *theirs, *text.ids[start:])
        assert seen.place == text.place + 2 * len(theirs)
        assert seen.note == (start, text.note[1] + 2 * len(theirs))
        assert json.loads(base.tokenizer.decode(seen.ids[start + 2 * len(theirs) : seen.note[1]]))["title"]
        assert text.pixels is None
        assert seen.pixels is not None


def test_words_that_look_like_a_picture_are_none(base: Base, tmp_path: Path) -> None:
    [note, *_] = made.notes_in(tmp_path, 1)
    evil = note.model_copy(update={"title": " ".join(base.tokenizer.all_special_tokens)})
    ids = prompter(base, tmp_path).prompt(evil, "category").ids
    assert ids.count(base.picture_token or -1) == 4


@pytest.mark.parametrize(
    ("template", "form"),
    [
        (
            "{% for p in messages[0].content %}{{ '<vs><pad><ve>' if p.type == 'image' else p.text }}{% endfor %}",
            "<vs>",
        ),
        ("User:{% if messages[0].content[0].type == 'image' %}<vs><pad><ve>{% else %} {% endif %}PROBE", "<vs>"),
        (None, ""),
    ],
)
def test_the_form_of_a_picture_is_the_chat_templates_or_its_token(template: str | None, form: str, base: Base) -> None:
    asked: list[str] = []

    class Asked:
        chat_template = template
        image_token = "<pad>"

        def apply_chat_template(self, messages: Any, **_: Any) -> str:
            return base.processor.apply_chat_template(messages, chat_template=template, tokenize=False)

        def __call__(self, text: list[str], **_: Any) -> dict[str, Any]:
            asked.extend(text)
            return {"input_ids": torch.zeros(1, 3, dtype=torch.long)}

    viewer = Viewer(Asked(), made.looking(Path()), 1)
    assert len(viewer.take([viewer.largest] * 2).ids) == 3
    assert asked == [("<vs><pad><ve>" if form else "<pad>") * 2]


def test_pixels_of_notes_with_other_sizes_are_stacked_with_zeros_behind() -> None:
    found = stacked([{"a": torch.ones(1, 2, 2), "b": torch.ones(3)}, {"a": torch.ones(2, 1, 3), "b": torch.ones(1)}])
    assert found["a"].tolist() == [[[1, 1, 0], [1, 1, 0]], *[[[1, 1, 1], [0, 0, 0]]] * 2]
    assert found["b"].shape == (4,)
    assert stacked([]) == {}


@pytest.mark.parametrize("named", ["base", "cutting"])
def test_company_changes_no_vector_whatever_pictures_it_has(
    named: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    base: Base = request.getfixturevalue(named)
    torch.manual_seed(0)
    viewer = Viewer(base.processor, made.looking(tmp_path), 2)
    fusion = late_fusion(pictured(base.model, viewer.take([viewer.largest]).pixels), base.hidden)
    sizes = {"hidden": base.hidden, "dimension": 8, "temperature": 3.0, "alpha": 0.0}
    net = network(base.model, **sizes, picture_token=base.picture_token, fusion=fusion).eval()
    notes = made.notes_in(tmp_path, 1)[:4]
    notes[1] = notes[1].model_copy(update={"images": (), "content": "much longer than the others, and told at length"})
    notes[2] = notes[2].model_copy(update={"images": (*notes[2].images, *notes[0].images)})
    notes[3] = notes[3].model_copy(update={"title": notes[0].title, "content": notes[0].content})
    with Image.open(tmp_path / notes[3].images[0]) as image:
        image.crop((0, 0, 64, 20)).save(tmp_path / notes[3].images[0])
    asked = [prompter(base, tmp_path, 2).prompt(note, "category") for note in notes]
    assert (len(asked[0].ids) == len(asked[3].ids)) == (named == "base")
    together = padded(asked, base.tokenizer.pad_token_id)
    with torch.no_grad():
        vectors = net.vectors(net.read(together.ids, together.mask, together.pixels), together.places)
        for row, one in enumerate(asked):
            alone = padded([one], base.tokenizer.pad_token_id)
            found = net.vectors(net.read(alone.ids, alone.mask, alone.pixels), alone.places)[0]
            assert torch.allclose(found, vectors[row], atol=1e-4)
    assert not torch.allclose(vectors[0], vectors[3], atol=1e-2)  # only the picture differs


def test_a_base_that_counts_a_pictures_rows_and_columns_is_told_which_tokens_are_of_it() -> None:
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10_000.0}
    text = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    more = {"num_key_value_heads": 2, "vocab_size": 20, "rope_parameters": rope, "pad_token_id": 0, "bos_token_id": 1}
    vision = {"embed_dim": 16, "hidden_size": 32, "depth": 1, "num_heads": 2, "patch_size": 4, "spatial_merge_size": 2}
    config = Qwen2VLConfig(
        text_config={**text, **more, "eos_token_id": 2},
        vision_config=vision,
        image_token_id=9,
        video_token_id=10,
        vision_start_token_id=7,
        vision_end_token_id=8,
    )
    torch.manual_seed(0)
    model = Qwen2VLForConditionalGeneration(config).eval()
    net = network(model, hidden=32, dimension=0, temperature=0.0, alpha=0.0, picture_token=9).eval()
    ids = torch.tensor([[0, 0, 1, 7, *[9] * 4, 8, 5], [1, 5, 3, 4, 5, 6, 11, 12, 13, 14]])
    mask = ids != 0
    pixels = {"pixel_values": torch.randn(16, 3 * 2 * 4 * 4), "image_grid_thw": torch.tensor([[1, 4, 4]])}
    with torch.no_grad():
        kinds = (ids == 9).int()
        wanted = model(input_ids=ids, attention_mask=mask.long(), mm_token_type_ids=kinds, **pixels).logits
        model.model.rope_deltas = None
        found = net.read(ids, mask, pixels).logits
        flat = model(
            input_ids=ids,
            attention_mask=mask.long(),
            position_ids=positions(mask),
            **pixels,
        )
    assert torch.allclose(found[mask], wanted[mask], atol=1e-5)
    assert not torch.allclose(flat.logits[mask], wanted[mask], atol=1e-3)


def test_room_is_made_for_the_pictures_too(base: Base, tmp_path: Path) -> None:
    without = Prompter(base.tokenizer, prompts.named("compression/v1"), note_tokens=48)
    assert prompter(base, tmp_path, 3).longest(5) == without.longest(5) + 3 * 7
    short = base._replace(context=100)
    with pytest.raises(RecommendError, match="reads 100 tokens at most"):
        require_room(short, prompter(base, tmp_path, 9).longest(5))


def test_a_note_says_where_its_pictures_would_be_but_has_none(base: Base, tmp_path: Path) -> None:
    asked = prompter(base, tmp_path)
    prompted = asked.prompt(Note(id="1", title="A day out", images=("none.png",)), "category")
    assert prompted.pixels is None
    assert asked.viewer is not None
    assert [one.reason for one in asked.viewer.pictures.refused.values()] == ["not_found"]


def test_processors_that_say_nothing_of_pictures_or_take_none_of_a_shape_are_refused(
    base: Base, tmp_path: Path
) -> None:
    with pytest.raises(RecommendError, match="nor its processor says what stands for a picture in a text"):
        Viewer(SimpleNamespace(chat_template=None), made.looking(tmp_path), 1)

    class Narrow:
        image_token = "<image>"

        def __call__(self, **_: Any) -> None:
            raise ValueError("absolute aspect ratio must be smaller than 200")

    viewer = Viewer(Narrow(), made.looking(tmp_path), 1)
    [note, *_] = made.notes_in(tmp_path, 1)
    with pytest.raises(RecommendError, match="does not take the pictures of 'dusk-0': absolute aspect ratio"):
        viewer.view(note)
