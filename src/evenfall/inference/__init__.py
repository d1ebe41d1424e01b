"""Model and data in, draws out: engines, diagnostics and comparison."""
