"""The DSPy signatures: fields and one line each. Their words come from `prompts/` by `with_instructions`.

Field order is message order, and the server's prefix cache lives on it: what many notes share comes first, the note and
its pictures last.
"""

import dspy

from signatures.answers import Draft, Match, Merge, PictureDescription, RefinedTag


class Describe(dspy.Signature):
    """Describe the pictures of a note."""

    note: str = dspy.InputField(desc="the note, as JSON")
    pictures: list[dspy.Image] = dspy.InputField(desc="its pictures, in order")
    descriptions: list[PictureDescription] = dspy.OutputField(desc="one entry a picture", min_length=1, max_length=8)


class MatchInterests(dspy.Signature):
    """Find the interests a note speaks to."""

    interests: str = dspy.InputField(desc="the handbook's interests, by number")
    note: str = dspy.InputField(desc="the note with what its pictures show, as JSON")
    matches: list[Match] = dspy.OutputField(desc="most certain first", max_length=8)


class DraftTags(dspy.Signature):
    """Propose tags for a note."""

    interests: str = dspy.InputField(desc="the matched interests, by number, with their vocabulary")
    note: str = dspy.InputField(desc="the note with what its pictures show, as JSON")
    tags: list[Draft] = dspy.OutputField(desc="best first", max_length=16)


class Dedupe(dspy.Signature):
    """Find draft tags that say the same."""

    tags: str = dspy.InputField(desc="the draft tags, by number")
    merges: list[Merge] = dspy.OutputField(desc="may be empty", max_length=16)


class Refine(dspy.Signature):
    """Give tags their final form."""

    note: str = dspy.InputField(desc="the note with what its pictures show, as JSON")
    kept: str = dspy.InputField(desc="the kept tags with their evidence, by number")
    tags: list[RefinedTag] = dspy.OutputField(desc="best first", max_length=12)


class TagAtOnce(dspy.Signature):
    """Describe, match, draft, dedupe and refine in one answer."""

    interests: str = dspy.InputField(desc="the handbook's interests, by number, with their vocabulary")
    note: str = dspy.InputField(desc="the note, as JSON")
    images: list[dspy.Image] = dspy.InputField(desc="its pictures, in order")
    pictures: list[PictureDescription] = dspy.OutputField(desc="one entry a picture", max_length=8)
    matches: list[Match] = dspy.OutputField(desc="most certain first", max_length=8)
    tags: list[Draft] = dspy.OutputField(desc="draft tags, best first", max_length=16)
    merges: list[Merge] = dspy.OutputField(desc="drafts that say the same, may be empty", max_length=16)
    final: list[RefinedTag] = dspy.OutputField(desc="final tags, best first", max_length=12)
