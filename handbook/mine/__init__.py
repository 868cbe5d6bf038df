"""Mining: from notes and what people did with them to interests."""

from handbook.mine.build import cluster, interests, mine

__all__ = ["cluster", "interests", "mine"]
