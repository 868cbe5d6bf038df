"""NoteLLM: one embedding a note, for recommending notes beside notes.

clicks ─► split ─► pairs ─► (training) ─► embedder ─► index ─► neighbours
                     └──────────────────────────────────► evaluation
"""

from recommend.records import Definition, Pair, PairOptions, RecommendError, Vectors

__all__ = ["Definition", "Pair", "PairOptions", "RecommendError", "Vectors"]
