"""How good recommendation is: where the true target stands in the ranking, and what generated words are worth."""

from recommend.measuring.ranking import ranks
from recommend.measuring.retrieval import Ranking, compare, metric_names
from recommend.measuring.task import Task, make_task

__all__ = ["Ranking", "Task", "compare", "make_task", "metric_names", "ranks"]
