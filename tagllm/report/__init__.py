"""The report: a run, or two, as one HTML file that needs nothing else.

runs ─► store (a temporary database, in the notes' order) ─► facts (numbers over everything)
                                                        └──► choosing ─► entries, thumbnails ─► page
"""
