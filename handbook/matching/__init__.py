"""Which tags of the handbook, and which phrases of its own, a note would be known by: learned on the evidence."""

from handbook.matching.fitting import FitReport, TooFewNotes, fit
from handbook.matching.matcher import Matcher, RankedTag
from handbook.matching.texts import NoteText

__all__ = ["FitReport", "Matcher", "NoteText", "RankedTag", "TooFewNotes", "fit"]
