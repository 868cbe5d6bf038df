"""Prompt programs made better by DSPy's optimisers: the graph as a DSPy module, budgets, splits, comparisons."""

from signatures.optimizing.budget import Budget, BudgetSpent, metered
from signatures.optimizing.comparing import Gain, gain_of
from signatures.optimizing.loop import Loop
from signatures.optimizing.module import Runner, TaggingModule
from signatures.optimizing.optimizers import OPTIMIZERS, Found, Optimizer, optimized
from signatures.optimizing.search import Search
from signatures.optimizing.splitting import Split, split_notes

__all__ = [
    "OPTIMIZERS",
    "Budget",
    "BudgetSpent",
    "Found",
    "Gain",
    "Loop",
    "Optimizer",
    "Runner",
    "Search",
    "Split",
    "TaggingModule",
    "gain_of",
    "metered",
    "optimized",
    "split_notes",
]
