"""The network: a base, a linear layer from the state of `[EMB]` to the note's vector, the temperature, the fusion."""

import functools
import inspect
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from recommend.model.fusion import Looks, encoder_of, looks_of, states_in
from recommend.model.losses import IGNORED, contrastive_loss, gathered, generative_loss, joint_loss
from recommend.model.viewing import stacked
from recommend.model.words import Prompted

_AT_ONCE, _SEEN_AT_ONCE = 64, 16
"""Notes read together; with pictures, which take many tokens."""


class Batch(NamedTuple):
    """n notes in their prompts, padded in front to l tokens."""

    ids: Any
    """Shape (n, l)."""
    mask: Any
    """Which are tokens, shape (n, l)."""
    places: Any
    """Of the tokens whose states are the vectors, shape (n,)."""
    pixels: dict[str, Any] | None = None
    """Of all pictures shown, in the order of the notes; None: there are none."""

    def to(self, device: Any) -> "Batch":
        """The same on a device."""
        pixels = {name: value.to(device) for name, value in self.pixels.items()} if self.pixels else None
        return Batch(self.ids.to(device), self.mask.to(device), self.places.to(device), pixels)


class Reading(NamedTuple):
    """What a base makes of a batch."""

    states: Any
    """Of its last layer, shape (n, l, hidden)."""
    logits: Any
    """At the places asked for, shape (n, k, words)."""
    looks: Looks | None
    """Of the picture encoder, where there is a fusion and a picture."""


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
    return Batch(ids, mask, places, stacked([one.pixels for one in prompts if one.pixels is not None]) or None)


def batches(prompts: Iterable[Prompted], padding: int) -> Iterator[tuple[list[int], list[Prompted], Batch]]:
    """Prompts in batches, each with the places that its rows have among all.

    Of a sequence those of like length stand together, so that little is padding. Of anything else those that come
    together, and no more are held: pixels are many.

    Args:
        prompts: Of n notes.
        padding: The token to pad with.
    """
    if isinstance(prompts, Sequence):
        order = sorted(range(len(prompts)), key=lambda row: len(prompts[row].ids))
        for start in range(0, len(order), _AT_ONCE):
            rows = order[start : start + _AT_ONCE]
            several = [prompts[row] for row in rows]
            yield rows, several, padded(several, padding)
        return
    rest, done = iter(prompts), 0
    while several := list(islice(rest, _SEEN_AT_ONCE)):
        yield list(range(done, done + len(several))), several, padded(several, padding)
        done += len(several)


def labels_of(outputs: Sequence[Sequence[int]]) -> Any:
    """The outputs as `generative_loss` takes them, shape (n, longest + 1): they end together, as in `padded`."""
    import torch

    longest = max(map(len, outputs), default=0)
    labels = torch.full((len(outputs), longest + 1), IGNORED, dtype=torch.long)
    for row, tokens in enumerate(outputs):
        if tokens:
            labels[row, longest + 1 - len(tokens) :] = torch.tensor(tokens)
    return labels


def network(
    base: Any,
    *,
    hidden: int,
    dimension: int,
    temperature: float,
    alpha: float,
    picture_token: int | None = None,
    fusion: Any = None,
) -> Any:
    """A torch module, with `base`, `head` (without bias, shape (d, hidden)), `temperature` (τ) and `fusion` to learn.

    Args:
        base: The language model.
        hidden: Numbers of a token's state.
        dimension: d of the vectors; 0: the states are the vectors.
        temperature: τ at the start.
        alpha: Weight of L_gen; 0: L = L_cl.
        picture_token: Of a base that sees.
        fusion: As `late_fusion` made it; None: the picture reaches the vector through the language model alone.

    Raises:
        RecommendError: there is a fusion, and the base has no picture encoder by a known name.
    """
    return _kind()(base, hidden, dimension, temperature, alpha, picture_token, fusion)


@functools.cache
def _kind() -> Any:
    import torch

    class Network(torch.nn.Module):
        """See `network`."""

        def __init__(
            self,
            base: Any,
            hidden: int,
            dimension: int,
            temperature: float,
            alpha: float,
            picture_token: int | None,
            fusion: Any,
        ) -> None:
            super().__init__()
            self.base = base
            self.head = torch.nn.Linear(hidden, dimension, bias=False) if dimension else torch.nn.Identity()
            self.temperature = torch.nn.Parameter(torch.tensor(float(temperature)))
            self.fusion = fusion
            self.alpha = alpha
            self.picture_token = picture_token
            inner = base.get_base_model() if hasattr(base, "get_base_model") else base  # below adapters
            taken = inspect.signature(inner.forward).parameters
            self.placed, self.counts = "position_ids" in taken, "mm_token_type_ids" in taken
            self.seen: Any = None
            if fusion is not None:
                encoder_of(inner).register_forward_hook(self._keep)

        def _keep(self, _: Any, __: Any, answer: Any) -> None:
            self.seen = states_in(answer)

        def read(self, ids: Any, mask: Any, pixels: dict[str, Any] | None = None, **more: Any) -> Reading:
            """What the base makes of a batch; see `Batch`.

            An output token may look back at the whole note, not at `[EMB]` alone: the paper leaves the language
            model's causal attention as it is. What presses the note into `[EMB]` is that the same state is compared
            with other notes' (L_cl), and stands right before the output.

            Raises:
                RecommendError: the picture encoder's states cannot be told apart, see `looks_of`.
            """
            shown = self.shown(ids, pixels)
            if self.placed and not (shown and self.counts):
                more["position_ids"] = positions(mask)
            found = self.base(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True, **shown, **more)
            looks = None
            if self.fusion is not None and pixels:
                looks, self.seen = looks_of(self.seen, (ids == self.picture_token).sum(dim=1)), None
            return Reading(found.hidden_states[-1], found.logits, looks)

        def shown(self, ids: Any, pixels: dict[str, Any] | None) -> dict[str, Any]:
            """The pictures of a batch as the base takes them; one that places a picture's pieces by row and column
            (Qwen-VL) is told which tokens they are, and counts all places itself."""
            if not pixels:
                return {}
            return pixels | ({"mm_token_type_ids": (ids == self.picture_token).int()} if self.counts else {})

        def vectors(self, reading: Reading, places: Any) -> Any:
            """The notes' vectors, shape (n, d), of any length: the linear layer on the last state at each place, with
            what the picture encoder saw where there is a fusion."""
            found = reading.states[torch.arange(len(reading.states), device=reading.states.device), places]
            return self.project(found.to(self.temperature.dtype), reading.looks)

        def project(self, states: Any, looks: Looks | None) -> Any:
            """Vectors of states, shape (n, d), fused with `looks` before where there are some."""
            return self.head(states if looks is None else self.fusion(states, looks))

        def forward(
            self, ids: Any, mask: Any, places: Any, notes: Any, added: Any, labels: Any, pixels: Any = None
        ) -> dict[str, Any]:
            """The losses of B pairs; all pairs of all processes are compared with one another.

            Args:
                ids: Shape (2B, l); rows 2i and 2i + 1 are a pair.
                mask: Shape (2B, l).
                places: Shape (2B,).
                notes: Which note each row is, shape (2B,).
                added: To each row's logits as an answer, shape (2B,); see `contrastive_loss`.
                labels: The output at each of the last places, shape (2B, k); k = 1: none is learned.
                pixels: Of all pictures shown.
            """
            reading = self.read(ids, mask, pixels, logits_to_keep=labels.shape[1], use_cache=False)
            contrastive = contrastive_loss(
                gathered(self.vectors(reading, places)), self.temperature, gathered(notes), gathered(added)
            )
            generative = generative_loss(reading.logits, labels)
            loss = joint_loss(contrastive, generative, self.alpha)
            return {"loss": loss, "contrastive": contrastive, "generative": generative}

    return Network


def positions(mask: Any) -> Any:
    """Of each token among its row's tokens, 0 for padding, shape (n, l)."""
    return (mask.long().cumsum(dim=1) - 1).clamp(min=0)
