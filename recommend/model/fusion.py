"""Late fusion of NoteLLM-2 (arXiv 2405.16789, "Late Fusion"): what the picture encoder saw goes past the language model
straight into the note's vector, for a language model that is tuned on notes listens to their words and forgets to look.
"""

import functools
from typing import Any, NamedTuple

from recommend.records import RecommendError


class Looks(NamedTuple):
    """What the picture encoder makes of n notes."""

    vectors: Any
    """The mean of its states over all pictures of a note, shape (n, pictured); zeros where there is no picture."""
    seen: Any
    """Which notes have a picture, shape (n,)."""

    def of(self, rows: Any) -> "Looks":
        """Those of some notes, in the order of `rows`."""
        return Looks(self.vectors[rows], self.seen[rows])


def late_fusion(pictured: int, hidden: int) -> Any:
    """A torch module of states and `Looks`, with `projection` (V, c) and `gate` (W, b) to learn.

    With n the state at the note's place, u the picture encoder's vector:

        v = V u + c,   z = sigmoid(W [v; n] + b),   fused = z ⊙ v + (1 − z) ⊙ n

    z has a number for each of the state's numbers, and is 0 for a note without a picture: n stays as it is.

    Args:
        pictured: Numbers of the picture encoder's states.
        hidden: Numbers of a token's state.
    """
    return _kind()(pictured, hidden)


@functools.cache
def _kind() -> Any:
    import torch

    class LateFusion(torch.nn.Module):
        """See `late_fusion`."""

        def __init__(self, pictured: int, hidden: int) -> None:
            super().__init__()
            self.projection = torch.nn.Linear(pictured, hidden)
            self.gate = torch.nn.Linear(2 * hidden, hidden)

        def forward(self, states: Any, looks: Looks) -> Any:
            """The fused states, shape (n, hidden).

            Args:
                states: Shape (n, hidden).
                looks: Of the same notes.
            """
            shown = self.projection(looks.vectors.to(states.dtype))
            gates = torch.sigmoid(self.gate(torch.cat([shown, states], dim=1))) * looks.seen[:, None]
            return gates * shown + (1 - gates) * states

    return LateFusion


def looks_of(states: Any, tokens: Any) -> Looks:
    """The picture encoder's states, in the order of the pictures, as a mean a note.

    Every picture token of the prompts stands for as many states as any other, so a note's share follows from its
    tokens, whatever a base makes of a picture: one square, several, or as many patches as it has.

    Args:
        states: Of all pictures, shape (…, pictured).
        tokens: Picture tokens in each note's prompt, shape (n,).

    Raises:
        RecommendError: states and tokens do not go together.
    """
    import torch

    rows = states.flatten(0, -2)
    rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
    shares, whole = tokens * len(rows), int(tokens.sum())
    if not whole or (shares % whole).any():
        raise RecommendError(
            f"the base's picture encoder has {len(rows):,} states for {whole:,} picture tokens, and which are whose "
            "cannot be told; use --fusion none"
        )
    lengths = shares // whole
    owner = torch.arange(len(tokens), device=rows.device).repeat_interleave(lengths)
    sums = rows.new_zeros(len(tokens), rows.shape[1]).index_add(0, owner, rows)
    return Looks(sums / lengths.clamp(min=1)[:, None], tokens > 0)


def encoder_of(base: Any) -> Any:
    """The module of a base that encodes pictures.

    Raises:
        RecommendError: it has none by a known name.
    """
    found = base.get_encoder(modality="image")
    if found in (base, base.base_model):
        raise RecommendError("the base has no picture encoder by a known name; use --fusion none")
    return found


def states_in(answer: Any) -> Any:
    """The states in what a picture encoder answers, shape (…, pictured)."""
    import torch

    return answer if isinstance(answer, torch.Tensor) else answer[0]


def pictured(base: Any, pixels: dict[str, Any]) -> int:
    """Numbers of the picture encoder's states, found by showing it `pixels`.

    Raises:
        RecommendError: as `encoder_of`.
    """
    import torch

    found: list[int] = []
    hook = encoder_of(base).register_forward_hook(lambda _, __, answer: found.append(states_in(answer).shape[-1]))
    with torch.no_grad(), hook:
        base.get_image_features(**pixels)
    return found[0]
