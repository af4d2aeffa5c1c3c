"""What fixed this before: finding it, saying why, learning from what held, and knowing when to be silent."""
