"""What is asked at each step, and the programs that answer: an LLM through DSPy, or the embedded teacher."""
