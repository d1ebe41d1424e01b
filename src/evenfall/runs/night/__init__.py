"""A night: due parameters meet their evidence, and what came of it is kept."""
