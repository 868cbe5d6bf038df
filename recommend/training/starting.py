"""Where the linear layer starts: at the map from `[EMB]` to what the base already knows of a note."""

from collections.abc import Sequence
from typing import Any

from recommend.model.network import padded
from recommend.model.words import Prompted

NOTES = 512
"""Notes it is fitted on."""
_AT_ONCE = 32
_RIDGE = 1e-2


def start_head(net: Any, prompts: Sequence[Prompted], padding: int) -> None:
    """Set the linear layer W to the ridge regression of the notes' principal components on the states of `[EMB]`.

    A random layer would throw away what the base knows, and a new word's state says little of the note by itself; the
    mean of a note's own token states says much. With x_i the state of `[EMB]` (hidden numbers) and y_i the first d
    principal components of the means m_i at unit length:

        W = argmin Σ_i |W x_i − y_i|² + λ |W|²,   λ = 0.01 · tr(Σ x xᵀ) / hidden

    Rows of W beyond the number of notes stay as they were.

    Args:
        net: As `recommend.model.network` made it.
        prompts: Of notes to fit on.
        padding: The token to pad with.
    """
    import torch

    device = net.temperature.device
    states, means = [], []
    net.eval()
    with torch.no_grad():
        for start in range(0, len(prompts), _AT_ONCE):
            part = prompts[start : start + _AT_ONCE]
            batch = padded(part, padding)
            answer = net.read(batch.ids.to(device), batch.mask.to(device), logits_to_keep=1, use_cache=False)
            found = answer.hidden_states[-1].double()
            for row, one in enumerate(part):
                before = found.shape[1] - len(one.ids)
                states.append(found[row, before + one.place])
                means.append(found[row, before + one.note[0] : before + one.note[1]].mean(dim=0))
        x = torch.stack(states)
        m = torch.nn.functional.normalize(torch.stack(means), dim=1)
        _, _, directions = torch.linalg.svd(m - m.mean(dim=0), full_matrices=False)
        directions = directions[: net.head.weight.shape[0]]
        gram = x.T @ x
        ridge = _RIDGE * gram.trace() / len(gram) * torch.eye(len(gram), dtype=gram.dtype, device=device)
        fitted = torch.linalg.solve(gram + ridge, x.T @ (m @ directions.T)).T
        net.head.weight[: len(fitted)] = fitted.to(net.head.weight.dtype)
