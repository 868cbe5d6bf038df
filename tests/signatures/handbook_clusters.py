"""Clusters written by hand, for tests of what is asked about them."""

from collections.abc import Sequence

from handbook.mine.records import Cluster, PhraseStats
from handbook.records import Support
from notes.language import language_of
from signatures.handbook.questions import ClusterQuestion, NamingLimits, Words

NIGHT = ("Marina Bay night view", "Singapore skyline", "night photography spots")
NIGHT_SAID = (
    "Best free spots for the Singapore skyline after dark",
    "Marina Bay in 3 hours",
    "Bring a tripod to the bay",
)
夜景 = ("滨海湾夜景", "新加坡夜景机位", "鱼尾狮拍照")


def cluster(
    category: str,
    *phrases: str,
    sentences: Sequence[str] = (),
    near: Sequence[str] = (),
    users: int = 10,
    notes: Sequence[str] = (),
) -> Cluster:
    """A cluster of these phrases, each with a user less than the one before; its key is `category/first phrase`."""
    stats = tuple(
        PhraseStats(
            phrase=phrase,
            category=category,
            users=max(1, users - number),
            notes=max(1, users - number) + 2,
            weight=float(users - number),
            lift=2.0,
            engagement=0.5,
            freshness=1.0,
        )
        for number, phrase in enumerate(phrases)
    )
    return Cluster(
        key=f"{category}/{phrases[0]}",
        category=category,
        phrases=stats,
        support=Support(users=users, notes=users + 2, lift=2.0, engagement=0.5, freshness=1.0),
        notes=tuple(notes),
        sentences=tuple(sentences),
        near=tuple(near),
    )


def question(
    *phrases: str,
    sentences: Sequence[str] = (),
    details: Sequence[str] = (),
    category: str = "travel",
    words: Words | None = None,
    limits: NamingLimits | None = None,
) -> ClusterQuestion:
    """What is asked of a cluster of these phrases."""
    made = cluster(category, *phrases, sentences=sentences)
    return ClusterQuestion(
        key=made.key,
        category=category,
        lang=language_of(" ".join(phrases)),
        phrases=made.phrases,
        sentences=made.sentences,
        details=tuple(details),
        words=words or Words(phrases[0], f"What people look for under {phrases[0]}.", "", ("place",)),
        limits=limits or NamingLimits(),
    )
