"""Runs (notes → traces), corpora (traces → training sets) and students."""
