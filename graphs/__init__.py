"""In what order things are asked: LangGraph graphs."""
