"""A model of the project's own: what an order is worth on a usual day, a few odd days allowed for."""

import pymc as pm


def usual_day(observations):
    """Return the daily means around one value, with tails heavy enough for a sale or an outage."""
    means = observations.sum / observations.n
    with pm.Model() as model:
        value = pm.Normal("value", 62, 2.5)
        spread = pm.HalfNormal("spread", 3)
        noise = pm.HalfNormal("noise", 30)
        orders = pm.Data("orders", observations.n)
        within = noise / pm.math.sqrt(orders)
        pm.StudentT(
            "mean_of_day",
            nu=4,
            mu=value,
            sigma=pm.math.sqrt(spread**2 + within**2),
            observed=pm.Data("means", means),
        )
    return model
