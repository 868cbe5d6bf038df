"""Where the linear layer starts: at what the base already knows of a note, and then at what the pairs say of that."""

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from recommend.model.fusion import Looks
from recommend.model.losses import contrastive_loss
from recommend.model.network import batches
from recommend.model.words import Prompted

NOTES = 8192
"""Notes it is fitted on, at most."""
_RIDGE = 1e-2
_SIZE = 0.05
"""Of a weight, the root of the mean square: cosines do not change with it, the optimiser's steps are made for it."""
_PAIRS, _RATE, _TEMPERATURE_RATE = 256, 1e-3, 1e-3


def start_head(
    net: Any,
    prompts: Iterable[Prompted],
    padding: int,
    pairs: Sequence[tuple[int, int]] = (),
    added: Sequence[float] = (),
    *,
    steps: int = 0,
    seed: int = 0,
) -> None:
    """Set the linear layer W, and with pairs the temperature and the fusion, while the base is left as it is.

    A random layer would throw away what the base knows, and a new word's state says little of the note by itself; the
    mean of a note's own token states, its pictures' among them, says much. With x_i the state of `[EMB]` (hidden
    numbers), fused where there is a fusion, and y_i the first d principal components of the means m_i at unit length,
    less their mean:

        W = argmin Σ_i |W x_i − y_i|² + λ |W|²,   λ = 0.01 · tr(Σ x xᵀ) / hidden

    Then W, τ and the fusion alone learn L_cl for `steps` steps, 256 pairs each: the states are known, so that costs
    next to nothing, and a layer that fits keeps the base from being bent to one that does not (Kumar et al., ICLR
    2022).

    Args:
        net: As `recommend.model.network` made it.
        prompts: Of n notes to fit on; see `batches`.
        padding: The token to pad with.
        pairs: Places in `prompts`, m of them.
        added: To each note's logits as an answer, n of them; see `contrastive_loss`.
        steps: Of learning; 0 or no pairs: none.
        seed: Of the pairs' order.
    """
    import torch

    states, means, looks = _read(net, prompts, padding)
    with torch.no_grad():
        fused = states if looks is None else copy.deepcopy(net.fusion).double()(states, looks)
    unit = torch.nn.functional.normalize(means, dim=1)
    centred = unit - unit.mean(dim=0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    directions = directions[: net.head.weight.shape[0]]
    gram = fused.T @ fused
    ridge = _RIDGE * gram.trace() / len(gram) * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    fitted = torch.linalg.solve(gram + ridge, fused.T @ (centred @ directions.T)).T
    with torch.no_grad():
        # Rows beyond the number of notes stay as they were.
        net.head.weight[: len(fitted)] = (fitted * _SIZE / fitted.square().mean().sqrt()).to(net.head.weight.dtype)
    if not pairs or not steps:
        return
    layers = [net.head.weight, *(net.fusion.parameters() if looks is not None else ())]
    learned = torch.optim.AdamW(
        [{"params": layers, "lr": _RATE}, {"params": [net.temperature], "lr": _TEMPERATURE_RATE}], weight_decay=0.0
    )
    both = torch.tensor(pairs, device=states.device)
    more = torch.tensor(added, dtype=torch.float32, device=states.device) if added else None
    states = states.to(net.head.weight.dtype)
    drawn = np.random.default_rng(seed)
    with torch.autocast(states.device.type, enabled=False):
        for _ in range(steps):
            rows = both[torch.from_numpy(drawn.integers(0, len(both), _PAIRS)).to(both.device)].flatten()
            vectors = net.project(states[rows], looks.of(rows) if looks is not None else None)
            loss = contrastive_loss(vectors, net.temperature, rows, None if more is None else more[rows])
            learned.zero_grad()
            loss.backward()
            learned.step()
    learned.zero_grad()


def _read(net: Any, prompts: Iterable[Prompted], padding: int) -> tuple[Any, Any, Looks | None]:
    """The states of `[EMB]`, the means of the notes' own token states, each of shape (n, hidden), in float64, and what
    the picture encoder saw where there is a fusion and a picture."""
    import torch

    net.eval()
    states: dict[int, Any] = {}
    means: dict[int, Any] = {}
    looks: dict[int, Any] = {}
    device = net.temperature.device
    with torch.no_grad():
        for rows, several, batch in batches(prompts, padding):
            batch = batch.to(device)
            reading = net.read(batch.ids, batch.mask, batch.pixels, logits_to_keep=1, use_cache=False)
            for place, (row, one, found) in enumerate(zip(rows, several, reading.states.double(), strict=True)):
                before = len(found) - len(one.ids)
                states[row] = found[before + one.place]
                means[row] = found[before + one.note[0] : before + one.note[1]].mean(dim=0)
                if reading.looks is not None and reading.looks.seen[place]:
                    looks[row] = reading.looks.vectors[place].double()
    order = range(len(states))
    seen = None
    if looks:
        none = torch.zeros_like(next(iter(looks.values())))
        known = torch.tensor([row in looks for row in order], device=device)
        seen = Looks(torch.stack([looks.get(row, none) for row in order]), known)
    return torch.stack([states[row] for row in order]), torch.stack([means[row] for row in order]), seen
