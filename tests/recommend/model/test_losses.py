"""The losses are the paper's: against a case worked by hand, torch's own cross entropy, and numerical gradients."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from recommend.model.losses import IGNORED, contrastive_loss, gathered, generative_loss, joint_loss

ROOT = Path(__file__).parents[3]


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_two_pairs_worked_by_hand() -> None:
    # Along two axes: partners have cosine 1, the others 0; lengths do not matter.
    vectors = torch.tensor([[2.0, 0.0], [5.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    scale = 3.0
    by_hand = -math.log(math.exp(scale) / (math.exp(scale) + 2))
    assert contrastive_loss(vectors, torch.tensor(math.log(scale))).item() == pytest.approx(by_hand, rel=1e-6)


def test_contrast_is_the_mean_over_both_sides_of_every_pair() -> None:
    vectors, temperature = drawn(6, 5), torch.tensor(0.7, dtype=torch.float64)
    terms = []
    for i in range(6):
        cosine = [torch.nn.functional.cosine_similarity(vectors[i], vectors[j], dim=0) for j in range(6)]
        others = torch.stack([cosine[j] * temperature.exp() for j in range(6) if j != i])
        terms.append(torch.logsumexp(others, 0) - cosine[i ^ 1] * temperature.exp())
    assert contrastive_loss(vectors, temperature).item() == pytest.approx(torch.stack(terms).mean().item(), rel=1e-12)


def test_contrast_is_torchs_cross_entropy_over_cosines_without_oneself() -> None:
    vectors = drawn(8, 4)
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    logits = unit @ unit.T * math.e**3 - 1e12 * torch.eye(8)
    wanted = torch.nn.functional.cross_entropy(logits, torch.tensor([1, 0, 3, 2, 5, 4, 7, 6]))
    assert contrastive_loss(vectors, torch.tensor(3.0)).item() == pytest.approx(wanted.item(), rel=1e-6)


def test_the_order_of_pairs_and_of_their_sides_does_not_matter() -> None:
    vectors, temperature = drawn(8, 4), torch.tensor(1.0)
    moved = vectors[[5, 4, 0, 1, 7, 6, 2, 3]]
    assert contrastive_loss(moved, temperature).item() == pytest.approx(contrastive_loss(vectors, temperature).item())


def test_a_note_in_two_pairs_of_a_batch_is_no_wrong_answer() -> None:
    vectors, temperature = drawn(4, 3), torch.tensor(1.0, dtype=torch.float64)
    vectors[2] = vectors[0]
    free = contrastive_loss(vectors, temperature)
    known = contrastive_loss(vectors, temperature, torch.tensor([7, 8, 7, 9]))
    # Row 0: partner 1, row 2 is itself, row 3 is wrong. Row 1: partner 0, row 2 is 0 again.
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    cosine = unit @ unit.T * math.e
    by_hand = [
        torch.logsumexp(cosine[0, [1, 3]], 0) - cosine[0, 1],
        torch.logsumexp(cosine[1, [0, 3]], 0) - cosine[1, 0],
        torch.logsumexp(cosine[2, [1, 3]], 0) - cosine[2, 3],
        torch.logsumexp(cosine[3, [1, 2]], 0) - cosine[3, 2],
    ]
    assert known.item() == pytest.approx(torch.stack(by_hand).mean().item(), rel=1e-9)
    assert known < free


def test_what_is_added_counts_wherever_a_note_answers() -> None:
    vectors, temperature = drawn(4, 3), torch.tensor(0.5, dtype=torch.float64)
    added = torch.tensor([1.0, -2.0, 0.5, 3.0])
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    logits = unit @ unit.T * math.exp(0.5) + added[None, :]
    by_hand = [torch.logsumexp(logits[i, [j for j in range(4) if j != i]], 0) - logits[i, i ^ 1] for i in range(4)]
    found = contrastive_loss(vectors, temperature, added=added)
    assert found.item() == pytest.approx(torch.stack(by_hand).mean().item(), rel=1e-9)
    same = contrastive_loss(vectors, temperature, added=torch.full((4,), 7.0))
    assert same.item() == pytest.approx(contrastive_loss(vectors, temperature).item(), rel=1e-9)


def test_writing_is_torchs_cross_entropy_of_the_next_token_over_outputs_alone() -> None:
    logits = drawn(2, 4, 7)
    labels = torch.tensor([[IGNORED, IGNORED, 3, 5], [IGNORED, IGNORED, IGNORED, 6]])
    picked = torch.stack([logits[0, 1], logits[0, 2], logits[1, 2]])
    wanted = torch.nn.functional.cross_entropy(picked, torch.tensor([3, 5, 6]))
    assert generative_loss(logits, labels).item() == pytest.approx(wanted.item(), rel=1e-12)
    assert generative_loss(logits, torch.full((2, 4), IGNORED)).item() == 0


def test_losses_are_added_up_as_the_paper_weighs_them() -> None:
    assert joint_loss(2.0, 4.0, 0.01) == pytest.approx((2 + 0.04) / 1.01)
    assert joint_loss(2.0, 4.0, 0.0) == 2.0


def test_gradients_of_the_joint_loss_are_the_numerical_ones() -> None:
    labels = torch.tensor([[IGNORED, 1, 2]] * 4)
    notes = torch.tensor([0, 1, 0, 2])

    def joint(vectors: torch.Tensor, temperature: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        return joint_loss(contrastive_loss(vectors, temperature, notes), generative_loss(logits, labels), 0.5)

    inputs = (drawn(4, 3), torch.tensor(0.5, dtype=torch.float64), drawn(4, 3, 5, seed=1))
    assert torch.autograd.gradcheck(joint, [one.requires_grad_() for one in inputs])


def test_alone_rows_stay_as_they_are() -> None:
    rows = drawn(3, 2)
    assert gathered(rows) is rows


def test_two_processes_learn_from_one_anothers_notes_as_one_process_would(tmp_path: Path) -> None:
    environment = {**os.environ, "MEETING": str(tmp_path / "meeting"), "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.recommend.model.two_processes", str(rank)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=300) for process in running]
    assert all(process.returncode == 0 for process in running), said
    found = [json.loads(out) for out, _ in said]
    from tests.recommend.model.two_processes import loss_of, weights

    layer = weights()
    loss = loss_of(layer, slice(None))
    loss.backward()
    assert layer.weight.grad is not None
    for one in found:
        assert one["loss"] == pytest.approx(loss.item(), rel=1e-9)
        assert one["gradient"] == pytest.approx(layer.weight.grad.flatten().tolist(), rel=1e-7)
