"""The network: a base, a linear layer from the state of `[EMB]` to the note's vector, and the temperature."""

import functools
import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

from recommend.model.losses import IGNORED, contrastive_loss, gathered, generative_loss, joint_loss
from recommend.model.words import Prompted


class Batch(NamedTuple):
    """n notes in their prompts, padded in front to l tokens."""

    ids: Any
    """Shape (n, l)."""
    mask: Any
    """Which are tokens, shape (n, l)."""
    places: Any
    """Of the tokens whose states are the vectors, shape (n,)."""


def padded(prompts: Sequence[Prompted], padding: int, outputs: Sequence[Sequence[int]] = ()) -> Batch:
    """Prompts, each with its output behind it, as one batch; padding stands in front, so that outputs end together.

    Args:
        prompts: Of n notes.
        padding: The token to pad with.
        outputs: Tokens behind each prompt.
    """
    import torch

    rows = [[*prompt.ids, *(outputs[row] if outputs else ())] for row, prompt in enumerate(prompts)]
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), padding, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.bool)
    for row, tokens in enumerate(rows):
        ids[row, longest - len(tokens) :] = torch.tensor(tokens)
        mask[row, longest - len(tokens) :] = True
    places = torch.tensor([longest - len(row) + one.place for row, one in zip(rows, prompts, strict=True)])
    return Batch(ids, mask, places)


def labels_of(outputs: Sequence[Sequence[int]]) -> Any:
    """The outputs as `generative_loss` takes them, shape (n, longest + 1): they end together, as in `padded`."""
    import torch

    longest = max(map(len, outputs), default=0)
    labels = torch.full((len(outputs), longest + 1), IGNORED, dtype=torch.long)
    for row, tokens in enumerate(outputs):
        if tokens:
            labels[row, longest + 1 - len(tokens) :] = torch.tensor(tokens)
    return labels


def network(base: Any, *, hidden: int, dimension: int, temperature: float, alpha: float) -> Any:
    """A torch module, with `base`, `head` (without bias, shape (d, hidden)) and `temperature` (τ) to learn.

    Args:
        base: The language model.
        hidden: Numbers of a token's state.
        dimension: d of the vectors; 0: the states are the vectors.
        temperature: τ at the start.
        alpha: Weight of L_gen; 0: L = L_cl.
    """
    return _kind()(base, hidden, dimension, temperature, alpha)


@functools.cache
def _kind() -> Any:
    import torch

    class Network(torch.nn.Module):
        """See `network`."""

        def __init__(self, base: Any, hidden: int, dimension: int, temperature: float, alpha: float) -> None:
            super().__init__()
            self.base = base
            self.head = torch.nn.Linear(hidden, dimension, bias=False) if dimension else torch.nn.Identity()
            self.temperature = torch.nn.Parameter(torch.tensor(float(temperature)))
            self.alpha = alpha
            inner = base.get_base_model() if hasattr(base, "get_base_model") else base  # below adapters
            self.placed = "position_ids" in inspect.signature(inner.forward).parameters

        def read(self, ids: Any, mask: Any, **more: Any) -> Any:
            """The base's answer to a batch, with its states; see `Batch`.

            An output token may look back at the whole note, not at `[EMB]` alone: the paper leaves the language
            model's causal attention as it is. What presses the note into `[EMB]` is that the same state is compared
            with other notes' (L_cl), and stands right before the output.
            """
            places = {"position_ids": positions(mask)} if self.placed else {}
            return self.base(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True, **places, **more)

        def vectors(self, answer: Any, places: Any) -> Any:
            """The notes' vectors, shape (n, d), of any length: the linear layer on the last state at each place."""
            states = answer.hidden_states[-1]
            found = states[torch.arange(len(states), device=states.device), places]
            return self.head(found.to(self.temperature.dtype))

        def forward(self, ids: Any, mask: Any, places: Any, notes: Any, added: Any, labels: Any) -> dict[str, Any]:
            """The losses of B pairs; all pairs of all processes are compared with one another.

            Args:
                ids: Shape (2B, l); rows 2i and 2i + 1 are a pair.
                mask: Shape (2B, l).
                places: Shape (2B,).
                notes: Which note each row is, shape (2B,).
                added: To each row's logits as an answer, shape (2B,); see `contrastive_loss`.
                labels: The output at each of the last places, shape (2B, k); k = 1: none is learned.
            """
            answer = self.read(ids, mask, logits_to_keep=labels.shape[1], use_cache=False)
            contrastive = contrastive_loss(
                gathered(self.vectors(answer, places)), self.temperature, gathered(notes), gathered(added)
            )
            generative = generative_loss(answer.logits, labels)
            loss = joint_loss(contrastive, generative, self.alpha)
            return {"loss": loss, "contrastive": contrastive, "generative": generative}

    return Network


def positions(mask: Any) -> Any:
    """Of each token among its row's tokens, 0 for padding, shape (n, l)."""
    return (mask.long().cumsum(dim=1) - 1).clamp(min=0)
