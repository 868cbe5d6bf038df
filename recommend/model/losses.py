"""The two losses of NoteLLM (arXiv 2403.01744, section 3) and how they are added up."""

from typing import Any

IGNORED = -100
"""Label of a token that is not learned."""


def contrastive_loss(vectors: Any, temperature: Any, notes: Any | None = None, added: Any | None = None) -> Any:
    """L_cl = −1/(2B) Σ_i log( e^{sim(n_i, n_i⁺)·e^τ} / Σ_{j≠i} e^{sim(n_i, n_j)·e^τ} ), sim the cosine.

    Every vector of the batch asks once: its partner is right, all others are wrong, those of its own side too. The
    same note in two pairs of a batch is no wrong answer to itself, nor to its partner: with `notes` such entries are
    left out of the sum. Computed in float32 or better, whatever the network computes in.

    With `added`, a number a_j is added to sim(n_i, n_j)·e^τ wherever n_j answers, right or wrong. For a_j = −β log q_j,
    q_j how often a note stands in a pair, a note is no longer a worse answer because it is drawn more often as a wrong
    one (the correction of a sampled softmax; Yi et al., RecSys 2019): at β = 1 cosines learn how likely j is beside i,
    at β = 0, the paper's loss, how many times likelier than anywhere.

    Args:
        vectors: Of B pairs, shape (2B, d); rows 2i and 2i + 1 are a pair. Of any length.
        temperature: τ, a number; e^τ multiplies the cosines.
        notes: A whole number a row that says which note it is, shape (2B,); None: all are different.
        added: To the logits of each row as an answer, shape (2B,); None: nothing.

    Returns:
        A number.
    """
    import torch

    with torch.autocast(vectors.device.type, enabled=False):
        vectors = vectors if vectors.dtype == torch.float64 else vectors.float()
        unit = torch.nn.functional.normalize(vectors, dim=1)
        partner = torch.arange(len(unit), device=unit.device) ^ 1
        left_out = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
        if notes is not None:
            same = notes[:, None] == notes[None, :]
            left_out = left_out | same | same[partner]
        right = torch.nn.functional.one_hot(partner, len(unit)).bool()
        logits = unit @ unit.T * temperature.exp()
        if added is not None:
            logits = logits + added.to(logits.dtype)
        return torch.nn.functional.cross_entropy(logits.masked_fill(left_out & ~right, -torch.inf), partner)


def generative_loss(logits: Any, labels: Any) -> Any:
    """L_gen = −1/T Σ_t log p(o_t | o_<t, prompt): the mean over the T output tokens of the batch.

    Args:
        logits: At each place, shape (n, l, words).
        labels: The token that stands at each place, `IGNORED` where it is no output, shape (n, l). A place's logits
            are compared with the next place's label.

    Returns:
        A number; 0 where the batch has no output.
    """
    import torch

    with torch.autocast(logits.device.type, enabled=False):
        labels = labels[:, 1:]
        kept = labels != IGNORED
        wanted, said = labels[kept], logits[:, :-1][kept]
        said = said if said.dtype == torch.float64 else said.float()
        return torch.nn.functional.cross_entropy(said, wanted, reduction="sum") / max(len(wanted), 1)


def joint_loss(contrastive: Any, generative: Any, alpha: float) -> Any:
    """L = (L_cl + α · L_gen) / (1 + α)."""
    return (contrastive + alpha * generative) / (1 + alpha)


def gathered(rows: Any) -> Any:
    """The rows of all processes, in the order of their ranks, shape (w · n, …); alone, the rows themselves.

    The gradient flows back to the process a row came from. Each process computes the loss of the whole batch, so a
    row's gradient arrives w times; averaging over the processes, as distributed training does, makes it one batch's.
    Each process must bring as many rows.
    """
    import torch.distributed

    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return rows
    if not rows.is_floating_point():
        others = [torch.empty_like(rows) for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather(others, rows.contiguous())
        return torch.cat(others)
    import torch.distributed.nn

    return torch.cat(torch.distributed.nn.all_gather(rows))
