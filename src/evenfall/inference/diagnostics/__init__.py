"""How far draws may be trusted: convergence figures, traces and ranks to look at, predictive checks."""
