"""How seldom Python's collector looks through what a command has made."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def seldom() -> Iterator[None]:
    """The collector looks through what was made seldom.

    Imports make half a million objects that stay: looking through them at every 700th takes a quarter of loading torch.
    Of what a note makes, next to nothing is in cycles (5 objects), but notes under way are looked through each time,
    which takes a ninth of all that a note costs.
    """
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def settled() -> Iterator[None]:
    """What was set up stays: the collector looks through what came since, and through that seldom."""
    gc.collect()
    gc.freeze()
    try:
        with seldom():
            yield
    finally:
        gc.unfreeze()
