"""Which tags of the handbook, and which phrases of the note itself, a note would be known by: learned on its evidence."""
