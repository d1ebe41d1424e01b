"""User SQL made safe: templates to bound text, one read-only SELECT, and when it may be read day by day."""
