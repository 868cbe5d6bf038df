"""Drawing helpers for the example pictures (see ../draw.py)."""
