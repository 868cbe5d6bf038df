"""What tags are worth: the published keyphrase metrics, what matters beyond a gold list, how sure each is."""

from signatures.metrics.beyond import Frequencies, tag_vectors
from signatures.metrics.evaluation import METRICS, Difference, Estimate, Evaluation, Metric, Report, evaluate
from signatures.metrics.keyphrase import score

__all__ = [
    "METRICS",
    "Difference",
    "Estimate",
    "Evaluation",
    "Frequencies",
    "Metric",
    "Report",
    "evaluate",
    "score",
    "tag_vectors",
]
