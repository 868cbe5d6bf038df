"""Nearness and splits: what is nearly the same is found, what is not is left alone, and nothing leaks."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from distill.corpus import Selection, Splitting, read_dropped, read_kept
from distill.corpus.nearness import TextSignatures, groups, near_pictures, shingles_of
from distill.corpus.pictures import Look, look_of
from distill.corpus.splitting import assign
from notes.pictures import PictureStore
from notes.records import Note
from tests.distill.corpus.made import built, grounded, picture, plain_run, text
from tests.tagllm.report.made import write_notes, write_run


def near_texts(texts: Sequence[str]) -> set[tuple[int, ...]]:
    signatures = TextSignatures()
    for number, said in enumerate(texts):
        signatures.add(Note(id=str(number), content=said))
    return set(map(tuple, signatures.pairs().tolist()))


def test_texts_with_a_word_changed_are_near_and_others_are_not() -> None:
    base = text(1, 80)
    changed = base.replace(base.split()[40], "otherwise")
    half = " ".join(base.split()[:40] + text(2, 40).split())
    assert near_texts([base, changed, half, text(3, 80)]) == {(0, 1)}


def test_chinese_and_case_and_script_do_not_matter() -> None:
    chinese = "滨海湾的夜景真的太美了，我们从银禧桥上看了一整晚，风很舒服，人也不多，适合带孩子来。"
    traditional = "濱海灣的夜景真的太美了，我們從銀禧橋上看了一整晚，風很舒服，人也不多，適合帶孩子來！"
    assert near_texts([chinese, traditional, text(1), text(1).upper(), ""]) == {(0, 1), (2, 3)}


def test_texts_without_words_are_compared_by_their_signs() -> None:
    assert shingles_of("🌃 🌉✨")[1] == 3
    assert near_texts(["🌃🌉✨", "🌃 🌉 ✨", "🍜🍜🍜"]) == {(0, 1)}


def test_thousands_of_near_copies_hang_together() -> None:
    base = text(1, 60).split()
    copies = [" ".join([*base[:30], f"number{number}", *base[30:]]) for number in range(600)]
    signatures = TextSignatures()
    for said in [*copies, *(text(number) for number in range(10, 110))]:
        signatures.add(Note(id="x", content=said))
    counts = Counter(groups(700, signatures.pairs()).tolist())
    assert sorted(counts.values(), reverse=True) == [600] + [1] * 100


@pytest.fixture
def looks(tmp_path: Path) -> dict[str, Look]:
    """A photograph, the same again in other bytes, and pictures that are none of these."""
    file = picture(tmp_path / "a.png", 1, size=(640, 480))
    with Image.open(file) as image:
        image.save(tmp_path / "again.jpg", quality=70)
        image.resize((500, 375)).filter(ImageFilter.GaussianBlur(1)).save(tmp_path / "small.png")
        Image.fromarray(np.asarray(image)[:, :, ::-1].copy()).save(tmp_path / "colours.png")
    picture(tmp_path / "b.png", 2, size=(640, 480))
    for name in ("red", "blue"):
        Image.new("RGB", (200, 200), name).save(tmp_path / f"{name}.png")
    store = PictureStore(tmp_path)
    return {file.name: look_of(store.open(file.name), file.name) for file in sorted(tmp_path.iterdir())}


def test_a_picture_saved_again_is_near_and_flat_ones_of_other_colours_are_not(looks: dict[str, Look]) -> None:
    names = ["a.png", "again.jpg", "small.png", "colours.png", "b.png", "red.png", "blue.png"]
    found = groups(len(names), near_pictures([(looks[name],) for name in names])).tolist()
    assert found[0] == found[1] == found[2]
    assert len(set(found)) == 5


def test_notes_that_share_one_of_their_pictures_hang_together(looks: dict[str, Look]) -> None:
    notes = [(looks["a.png"], looks["red.png"]), (looks["b.png"], looks["again.jpg"]), (looks["blue.png"],), ()]
    assert near_pictures(notes).tolist() == [[0, 1]]


def reposts(folder: Path) -> Path:
    """Sixty notes posted twice: every third pair the same, the others alike in text alone or in pictures alone."""
    notes = []
    for number in range(60):
        picture(folder / f"images/{number}.png", number)
        picture(folder / f"images/other-{number}.png", 500 + number)
        one = Note(id=f"a{number}", title="post", content=text(number), images=(f"images/{number}.png",))
        again = {
            0: one.model_copy(update={"id": f"b{number}", "content": f"{one.content} again"}),
            1: one.model_copy(update={"id": f"b{number}", "images": (f"images/other-{number}.png",)}),
            2: one.model_copy(update={"id": f"b{number}", "content": text(1000 + number)}),
        }[number % 3]
        notes += [one, again]
    known = write_notes(folder / "notes.jsonl", notes)
    store = PictureStore(folder)
    traces = [grounded(note, ["harbour view", "ferry ride"], store) for note in known]
    return write_run(folder / "run", folder / "notes.jsonl", traces)


def test_what_is_the_same_is_kept_once_and_what_is_alike_is_never_divided(tmp_path: Path) -> None:
    run = reposts(tmp_path)
    shares = Splitting(validation=0.2, test=0.2)
    corpus, summary = built(tmp_path, run, splitting=shares, views=("tags",), formats=("batch",))
    dropped = {one.note_id: one.instead for one in read_dropped(corpus)}
    kept = {one.note_id: one for one in read_kept(corpus)}
    assert len(dropped) == 20
    assert {int((note or "")[1:]) % 3 for note in dropped} == {0}
    assert set(dropped.values()) <= {one.key for one in kept.values()}
    assert summary.groups == 60
    for number in range(60):
        pair = [kept[id] for id in (f"a{number}", f"b{number}") if id in kept]
        assert len({one.split for one in pair}) == 1
        assert len({one.group for one in pair}) == 1
    assert all(count >= 10 for count in summary.notes.values())
    whole, summary = built(tmp_path / "all", run, selection=Selection(drop_duplicates=False), formats=("batch",))
    assert summary.kept == 120
    assert not list(read_dropped(whole))


def test_what_notes_may_not_share_can_be_chosen(tmp_path: Path) -> None:
    run = reposts(tmp_path)
    options = {"views": ("tags",), "formats": ("batch",)}
    assert built(tmp_path / "t", run, splitting=Splitting(by=("text",)), **options)[1].groups == 80
    assert built(tmp_path / "p", run, splitting=Splitting(by=("pictures",)), **options)[1].groups == 80
    assert built(tmp_path / "n", run, splitting=Splitting(by=()), **options)[1].groups == 100


def test_notes_told_apart_by_their_pictures_alone_are_all_kept(tmp_path: Path) -> None:
    notes = []
    for number in range(8):
        picture(tmp_path / f"images/{number}.png", number)
        notes.append(Note(id=f"n{number}", title="what is it", images=(f"images/{number}.png",)))
    known = write_notes(tmp_path / "notes.jsonl", notes)
    traces = [grounded(note, ["harbour view"], PictureStore(tmp_path)) for note in known]
    _, summary = built(tmp_path, write_run(tmp_path / "run", tmp_path / "notes.jsonl", traces))
    assert (summary.kept, summary.groups) == (8, 8)
    assert all(summary.notes.values())


def test_a_note_stays_in_its_split_when_the_corpus_grows(tmp_path: Path) -> None:
    small, _ = built(tmp_path / "small", plain_run(tmp_path / "a", 30, pictures=False), formats=("batch",))
    large, _ = built(tmp_path / "large", plain_run(tmp_path / "b", 90, pictures=False), formats=("batch",))
    splits = {one.key: one.split for one in read_kept(large)}
    before = {one.key: one.split for one in read_kept(small)}
    assert before.keys() <= splits.keys()
    moved = [key for key, split in before.items() if splits[key] != split]
    assert all(before[key] != "train" for key in moved)  # only into an empty split did the small corpus move a note
    assert len(moved) <= 2


def test_a_note_held_out_by_its_own_file_is_held_out_with_its_group() -> None:
    sizes = {"a": 2, "b": 1, "c": 1, "d": 6}
    own = {"a": ["test", None], "b": ["validation"], "c": [None], "d": [None] * 6}
    found = assign(sizes, own, Splitting(validation=0, test=0))  # pyright: ignore[reportArgumentType]
    assert found == {"a": "test", "b": "validation", "c": "train", "d": "train"}


def test_no_wanted_split_is_empty_where_there_is_something_to_divide() -> None:
    for count in range(3, 12):
        sizes = {f"g{number}": 1 for number in range(count)}
        found = assign(sizes, {name: [None] for name in sizes}, Splitting())
        assert set(found.values()) == {"train", "validation", "test"}
    assert set(assign({"one": 5}, {"one": [None] * 5}, Splitting()).values()) == {"train"}


def test_a_group_that_is_most_of_the_corpus_is_learned_from() -> None:
    sizes = {"large": 90} | {f"g{number}": 1 for number in range(10)}
    own = {name: [None] * size for name, size in sizes.items()}
    assert all(assign(sizes, own, Splitting(seed=seed, test=0.4))["large"] == "train" for seed in range(30))
