"""One of two processes that compare their notes: `python -m tests.recommend.model.two_processes RANK`.

Prints the loss and the gradient averaged over processes, as distributed training averages it.
"""

import json
import os
import sys
import time
from pathlib import Path

import torch

from recommend.model.losses import contrastive_loss, gathered

NOTES = torch.tensor([0, 1, 2, 3, 0, 5, 6, 7])


def weights() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(5, 3, bias=False, dtype=torch.float64)


def loss_of(layer: torch.nn.Linear, rows: slice) -> torch.Tensor:
    inputs = torch.randn(8, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    vectors = layer(inputs[rows])
    return contrastive_loss(gathered(vectors), torch.tensor(1.0, dtype=torch.float64), gathered(NOTES[rows]))


def main(rank: int) -> None:
    meeting = os.environ["MEETING"]
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    layer = weights()
    loss = loss_of(layer, slice(4 * rank, 4 * rank + 4))
    loss.backward()
    gradient = layer.weight.grad
    assert gradient is not None
    torch.distributed.all_reduce(gradient)
    print(json.dumps({"loss": loss.item(), "gradient": (gradient / 2).flatten().tolist()}), flush=True)
    # Nobody leaves while the other is still being answered, and none takes gloo's threads apart, which may abort.
    Path(f"{meeting}.{rank}").touch()
    for _ in range(30_000):  # as long as the test waits
        if Path(f"{meeting}.{1 - rank}").exists():
            break
        time.sleep(0.01)
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
