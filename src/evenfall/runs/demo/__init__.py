"""The example project with a known truth, lived through for thirty nights."""
