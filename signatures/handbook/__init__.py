"""What is asked about interests, and the programs that answer: an LLM through DSPy, or the evidence itself."""

from signatures.handbook.evidence import evidence_program
from signatures.handbook.llm import llm_handbook_program
from signatures.handbook.questions import Finding, HandbookProgram, NamingLimits

__all__ = ["Finding", "HandbookProgram", "NamingLimits", "evidence_program", "llm_handbook_program"]
