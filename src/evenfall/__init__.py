"""Evenfall: beliefs meet data, nightly."""
