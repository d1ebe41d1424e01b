"""One module per warehouse."""
