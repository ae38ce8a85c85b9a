"""What a watched call did with memory, and the line that made it."""
