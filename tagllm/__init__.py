"""The command line, settings and everything else that knows all rooms."""
