"""Conversion through a graph: rates, lags, cohorts, and what-if."""
