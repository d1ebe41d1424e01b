"""Simulation-based calibration: whether a fit finds the parameters its data were made from."""
