"""Two runs, note by note: which tags both gave, which only one of them."""

from collections import Counter
from typing import Any

from distill.runs import RunDescription
from distill.runs.description import differences
from notes.records import Trace
from notes.words import form_key
from signatures.metrics import METRICS
from tagllm.report.facts import SEED, Facts
from tagllm.report.store import Joined, Store
from tagllm.report.texts import cut

_MOVED = 60
_DIFFERENCES = 60


def difference(joined: Joined) -> dict[str, Any]:
    """Tags of a note that both runs gave, and those that only one gave.

    Tags are the same where their words are: case, spacing and number do not matter.
    """
    keyed: list[dict[str, str]] = []
    for outcome in joined.outcomes:
        tags = outcome.tags if isinstance(outcome, Trace) else ()
        keyed.append({form_key(tag.tag): cut(tag.tag, 200) for tag in reversed(tags)})
    first, second = (dict(reversed(tags.items())) for tags in keyed)
    return {
        "both": [[tag, second[key]] for key, tag in first.items() if key in second],
        "only": [
            [tag for key, tag in first.items() if key not in second],
            [tag for key, tag in second.items() if key not in first],
        ],
    }


class Comparison:
    """Sums over all notes of two runs."""

    def __init__(self) -> None:
        self._notes: Counter[str] = Counter()
        self._tags: Counter[str] = Counter()

    def take(self, joined: Joined) -> bool:
        """Take one note in; whether the runs differ on it."""
        first, second = joined.outcomes
        if first is None or second is None:
            self._notes["only_a" if second is None else "only_b"] += 1
            return True
        found = difference(joined)
        self._tags["both"] += len(found["both"])
        self._tags["only_a"] += len(found["only"][0])
        self._tags["only_b"] += len(found["only"][1])
        self._notes["in_both"] += 1
        tagged = [isinstance(outcome, Trace) for outcome in joined.outcomes]
        if tagged[0] != tagged[1]:
            self._notes["failed_b" if tagged[0] else "failed_a"] += 1
            return True
        changed = any(found["only"])
        self._notes["changed" if changed else "same"] += 1
        return changed

    def as_json(
        self, facts: list[Facts], store: Store, descriptions: list[RunDescription], *, resamples: int
    ) -> dict[str, Any]:
        """Everything, for the page; differences are the second run less the first."""
        found = facts[1].evaluation.compare(facts[0].evaluation, resamples=resamples, seed=SEED)
        names = ("in_both", "same", "changed", "failed_a", "failed_b", "only_a", "only_b")
        return {
            "notes": {name: self._notes[name] for name in names},
            "tags": {name: self._tags[name] for name in ("both", "only_a", "only_b")},
            "metrics": [
                {
                    "name": m.name,
                    "unit": m.unit,
                    "says": m.says,
                    "part": m.part,
                    "a": found[m.name].without,
                    "b": found[m.name].full,
                    "difference": found[m.name].difference,
                    "low": found[m.name].low,
                    "high": found[m.name].high,
                    "clear": found[m.name].clear,
                }
                for m in METRICS
                if found[m.name].full is not None or found[m.name].without is not None
            ],
            "moved": [{"tag": cut(tag, 200), "a": a, "b": b} for tag, a, b in store.moved_tags(_MOVED)],
            "configuration": [
                cut(line, 400)
                for line in differences(descriptions[0].configuration, descriptions[1].configuration)[:_DIFFERENCES]
            ],
        }
