"""Questions to the graph: references, what-if, comparison."""
