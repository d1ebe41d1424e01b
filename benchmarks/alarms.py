"""How soon a drop is found: the detector beside the 3-sigma rolling week, at equal false alarms.

Run with ``python benchmarks/alarms.py [parameters]``. For each setting (rate, trials a day, κ, days of
baseline) healthy parameters are watched for a year by both rules. The week's threshold is then set so that as
many healthy parameters ring within the year as the detector's do, and both meet the same drops on the first
watched day. The week compares the last seven days with the posterior of the baseline and all days before
them, by the same predictive distance the lights use, κ counted; so it is the document's rule with a threshold
that it does not know by itself. A delay is the number of nights until the alarm, the night of the drop being
1; drops not found within 60 nights count as 60. Where the ratio is below 1 the week is faster.
"""

import json
import math
import os
import sys
import time

import numpy as np

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.observations import Observations
from evenfall.monitoring.alarms import threshold_false_alarms
from evenfall.monitoring.detector import DetectorInput, detect, detection_path

SETTINGS = (
    # rate, trials a day, kappa, days of baseline
    (0.10, 200, None, 180),
    (0.10, 1000, None, 180),
    (0.10, 1000, None, 30),
    (0.10, 1000, 50.0, 180),
    (0.10, 1000, 50.0, 30),
    (0.02, 1000, 200.0, 180),
    (0.30, 5000, 100.0, 180),
)
DROPS = (0.10, 0.20, 0.30)
NIGHTS, LATEST = 365, 60
FLAT = Belief("beta", ("alpha", "beta"), (1.0, 1.0), Origin("manual"))
START = np.datetime64("2025-01-06")


def simulate(rng, shape, setting, drop_from=None, drop=0.0):
    """Return (trials, successes) per parameter and day, shape (parameter, day, 3)."""
    rate, trials, kappa, _ = setting
    p = np.full(shape, rate)
    if drop_from is not None:
        p[:, drop_from:] *= 1.0 - drop
    if kappa is not None:
        p = rng.beta(kappa * p, kappa * (1.0 - p))
    n = rng.poisson(trials, shape)
    return np.stack([n, rng.binomial(n, p), np.zeros_like(n)], axis=-1).astype(float)


def items(sums, kappa):
    first = START + np.arange(sums.shape[1]).astype("timedelta64[D]")
    stop = first + np.timedelta64(1, "D")
    return [DetectorInput("p", "probability", FLAT, Observations(first, stop, one), kappa) for one in sums]


def log_r(sums, kappa, nights):
    return np.array(detection_path(items(sums, kappa), watched_days=nights))


def week_z(sums, kappa, nights):
    """Return |z| of the last seven days of each of the last `nights`, shape (parameter, night)."""
    n, k = sums[..., 0], sums[..., 1]
    rho = 0.0 if kappa is None else 1.0 / (kappa + 1.0)
    share = 1.0 / (1.0 + np.maximum(n - 1.0, 0.0) * rho)
    a, b = 1.0 + np.cumsum(share * k, axis=1), 1.0 + np.cumsum(share * (n - k), axis=1)
    week = np.lib.stride_tricks.sliding_window_view(sums, 7, axis=1)  # (parameter, start, 3, day)
    starts = np.arange(sums.shape[1] - nights, sums.shape[1]) - 6
    a, b, week = a[:, starts - 1], b[:, starts - 1], week[:, starts]
    days, total, s = week[:, :, 0], week[:, :, 1].sum(axis=-1), a + b
    mean, spread = a / s, a * b / s**2
    inner, outer = spread * s / (s + 1.0), spread / (s + 1.0)
    within = inner * (days * (1.0 + np.maximum(days - 1.0, 0.0) * rho)).sum(axis=-1)
    size = days.sum(axis=-1)
    return np.abs(total - size * mean) / np.sqrt(within + size**2 * outer)


def delay(crossed):
    """Return nights until the first alarm, `LATEST` where there is none."""
    return np.where(crossed.any(axis=1), crossed.argmax(axis=1) + 1, LATEST)


def compare(rng, count, setting):
    """Return one row of figures per drop."""
    rate, trials, kappa, baseline = setting
    healthy = simulate(rng, (count, baseline + NIGHTS), setting)
    threshold = math.log(365 * 20)
    rang = (log_r(healthy, kappa, NIGHTS) >= threshold).any(axis=1).mean()
    highest = week_z(healthy, kappa, NIGHTS).max(axis=1)
    sigma = float(np.quantile(highest, 1.0 - max(rang, 1.0 / count)))
    rows = []
    for drop in DROPS:
        changed = simulate(rng, (count // 4, baseline + LATEST), setting, baseline, drop)
        ours = delay(log_r(changed, kappa, LATEST) >= threshold)
        week = delay(week_z(changed, kappa, LATEST) >= sigma)
        rows.append(
            {
                "rate": rate,
                "trials_a_day": trials,
                "kappa": kappa,
                "baseline_days": baseline,
                "healthy_ringing_in_a_year": round(float(rang), 4),
                "week_sigma_at_that_rate": round(sigma, 2),
                "healthy_ringing_at_3_sigma": round(float((highest >= 3.0).mean()), 3),
                "drop": drop,
                "detector_mean_nights": round(float(ours.mean()), 1),
                "week_mean_nights": round(float(week.mean()), 1),
                "week_over_detector": round(float(week.mean() / ours.mean()), 2),
                "detector_missed": round(float((ours == LATEST).mean()), 3),
                "week_missed": round(float((week == LATEST).mean()), 3),
            }
        )
    return rows


def night_seconds(rng):
    """Return the seconds of one night for 10,000 parameters of 365 days, by kind of overdispersion."""
    seconds = {}
    for name, kappa in (("binomial", None), ("kappa", 50.0)):
        sums = simulate(rng, (10_000, 365), (0.1, 1000, kappa, 0))
        asked = items(sums, kappa)
        start = time.perf_counter()
        detect(asked)
        seconds[name] = round(time.perf_counter() - start, 2)
    return seconds


def main(count: int) -> None:
    rng = np.random.default_rng(20251121)
    for setting in SETTINGS:
        for row in compare(rng, count, setting):
            print(json.dumps(row), flush=True)
    figures = {
        "night_of_10000_by_365_days_seconds": night_seconds(rng),
        "three_sigma_week_false_alarms_a_year_by_formula": round(threshold_false_alarms(3.0), 2),
        "load_average": round(os.getloadavg()[0], 2),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
