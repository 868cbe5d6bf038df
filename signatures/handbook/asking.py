"""The DSPy signatures of the handbook's questions; their words come from `prompts/` by `with_instructions`.

What many questions share comes first: the server's prefix cache lives on it.
"""

import dspy

from signatures.handbook.answers import Named, Pair


class NameInterest(dspy.Signature):
    """Write one entry of the handbook of interests."""

    category: str = dspy.InputField(desc="the category it stands in, as JSON")
    evidence: str = dspy.InputField(desc="what people wrote and searched for, a JSON object a line")
    entry: Named = dspy.OutputField(desc="the entry")


class MergeAcross(dspy.Signature):
    """Find interests that say the same, and interests that belong together."""

    interests: str = dspy.InputField(desc="interests that lie near one another, a JSON object a line")
    pairs: list[Pair] = dspy.OutputField(desc="may be empty", max_length=24)
