"""Numbers as people read them: with their unit, and no more digits than they carry."""

from __future__ import annotations

import math
from datetime import date, timedelta

__all__ = ["age", "count", "day", "decimals", "quantity", "sigmas"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def decimals(resolution: float, significant: int = 1) -> int:
    """Return how many decimals show `significant` digits of a `resolution`, at most 12.

    Examples
    --------
    >>> decimals(3.7), decimals(3.7, significant=2), decimals(0.042), decimals(250.0)
    (0, 1, 2, 0)
    """
    if not (math.isfinite(resolution) and resolution > 0):
        return 3
    return min(12, max(0, significant - 1 - math.floor(math.log10(resolution))))


def quantity(of_type: str, value: float, resolution: float, significant: int = 1) -> str:
    """Return `value` in the unit of a parameter's type, to the digits that `resolution` leaves meaningful.

    Parameters
    ----------
    of_type
        probability (shown in percent), rate (per unit of exposure), mean or duration (the data's own unit).
    resolution
        Size of the last digits worth showing, such as the standard deviation, on the scale of `value`.
    significant
        How many digits of `resolution` to show.

    Examples
    --------
    >>> quantity("probability", 0.5499, 0.037), quantity("rate", 2.41, 0.2), quantity("duration", 34.18, 1.5)
    ('55 %', '2.4 per unit', '34')
    """
    if not math.isfinite(value):
        return "unknown"
    if of_type == "probability":
        return f"{100 * value:.{decimals(100 * resolution, significant)}f} %"
    number = f"{value:,.{decimals(resolution, significant)}f}"
    return f"{number} per unit" if of_type == "rate" else number


def count(size: float) -> str:
    """Return a count with thousands grouped; a fraction of a unit of exposure keeps one decimal.

    Examples
    --------
    >>> count(892), count(1204.0), count(12.25)
    ('892', '1,204', '12.2')
    """
    return f"{size:,.0f}" if float(size).is_integer() else f"{size:,.1f}"


def sigmas(z: float) -> str:
    """Return a distance in sigmas without its sign.

    Examples
    --------
    >>> sigmas(-3.195), sigmas(math.inf)
    ('3.2σ', 'off the scale')
    """
    return f"{abs(z):.1f}σ" if math.isfinite(z) else "off the scale"


def day(when: date) -> str:
    """Return a day of the running year.

    Examples
    --------
    >>> day(date(2025, 11, 3))
    '3 Nov'
    """
    return f"{when.day} {_MONTHS[when.month - 1]}"


def age(span: timedelta) -> str:
    """Return how long ago something was, to the unit that matters.

    Examples
    --------
    >>> age(timedelta(days=3, hours=5)), age(timedelta(hours=5)), age(timedelta(seconds=40))
    ('3 days', '5 hours', '0 minutes')
    """
    for unit, seconds in (("day", 86400), ("hour", 3600)):
        whole = int(span.total_seconds() // seconds)
        if whole:
            return f"{whole} {unit}" if whole == 1 else f"{whole} {unit}s"
    minutes = int(span.total_seconds() // 60)
    return "1 minute" if minutes == 1 else f"{minutes} minutes"
