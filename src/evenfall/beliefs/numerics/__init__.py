"""Arithmetic that keeps its digits: at 1e12 counts, at rates of 1e-6, and 30 standard deviations out."""
