"""Which tags of the handbook, and which phrases of its own, a note would be known by: learned on the evidence."""
