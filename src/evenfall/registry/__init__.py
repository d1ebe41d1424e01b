"""What the project declares: contexts, graphs, parameters, and where each stands in which file."""
