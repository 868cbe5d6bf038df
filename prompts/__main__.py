"""Pin every version that is not pinned yet: `python -m prompts`."""

from prompts import pin
from prompts.pins import LOCK

print(f"{len(pin())} files pinned in prompts/{LOCK}")  # noqa: T201
