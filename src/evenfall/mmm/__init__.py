"""Marketing mix: media, adstock, saturation, contributions and budgets."""
