"""NoteLLM: note embeddings for item-to-item recommendation."""
