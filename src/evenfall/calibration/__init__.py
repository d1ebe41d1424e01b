"""Whether a prior and a fit can be trusted: elicitation, conflict, simulation-based calibration."""
