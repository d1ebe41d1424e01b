"""Numbers of a table: mean with its spread, estimate with its interval, lights with a sign and a word."""

from __future__ import annotations

import math
from typing import Final

from evenfall.findings import Light
from evenfall.monitoring.wording import count, decimals

__all__ = [
    "LIGHT_SIGNS",
    "LIGHT_STYLES",
    "MISSING",
    "WORST_FIRST",
    "age",
    "estimate",
    "evidence",
    "light",
    "sigma",
    "spread",
    "value",
]

MISSING: Final = "–"

LIGHT_SIGNS: Final = {
    Light.GREEN: "●",
    Light.AMBER: "▲",
    Light.RED: "■",
    Light.GREY: "○",
    Light.STALE: "◌",
}
"""A shape per light, so that none depends on colour alone."""

LIGHT_STYLES: Final = {
    Light.GREEN: "green",
    Light.AMBER: "yellow",
    Light.RED: "bold red",
    Light.GREY: "bright_black",
    Light.STALE: "magenta",
}

WORST_FIRST: Final = (Light.RED, Light.AMBER, Light.STALE, Light.GREY, Light.GREEN)
"""The order in which a reader wants to hear of lights."""

_PERCENT = {"probability": " %"}


def light(of: Light) -> str:
    """Return a light as its sign and its word.

    Examples
    --------
    >>> light(Light.RED)
    '■ red'
    """
    return f"{LIGHT_SIGNS[of]} {of.value}"


def _known(number: float | None) -> bool:
    return number is not None and math.isfinite(number)


def _number(of_type: str, number: float, resolution: float, significant: int = 2) -> str:
    scale = 100 if of_type == "probability" else 1
    text = f"{scale * number:,.{decimals(scale * resolution, significant)}f}"
    return text.removeprefix("-") if text.strip("-0.,") == "" else text.replace("-", "−")


def value(of_type: str, number: float | None, resolution: float | None = None) -> str:
    """Return one number in the unit of its type, to three digits where nothing says how many it carries.

    Examples
    --------
    >>> value("probability", 0.34666), value("rate", 2.4142), value("mean", None)
    ('34.7 %', '2.41', '–')
    """
    if number is None or not math.isfinite(number):
        return MISSING
    if resolution is None or not resolution > 0:
        resolution = abs(number) / 10 or 0.1
    return _number(of_type, number, resolution) + _PERCENT.get(of_type, "")


def spread(of_type: str, mean: float | None, stdev: float | None) -> str:
    """Return a mean and its standard deviation, both to the second digit of the latter.

    Examples
    --------
    >>> spread("probability", 0.32, 0.06), spread("duration", 34.18, 1.52), spread("mean", None, None)
    ('32.0 ± 6.0 %', '34.2 ± 1.5', '–')
    """
    if mean is None or not math.isfinite(mean):
        return MISSING
    if stdev is None or not (math.isfinite(stdev) and stdev > 0):
        return value(of_type, mean)
    numbers = (_number(of_type, number, stdev) for number in (mean, stdev))
    return " ± ".join(numbers) + _PERCENT.get(of_type, "")


def estimate(of_type: str, mean: float | None, lower: float | None, upper: float | None) -> str:
    """Return a posterior mean and its interval, to the digits the interval's width supports.

    Examples
    --------
    >>> estimate("probability", 0.342857, 0.2745, 0.4146)
    '34.3 % [27.5, 41.5]'
    """
    if lower is None or upper is None or not (_known(lower) and _known(upper)):
        return value(of_type, mean)
    if mean is None or not math.isfinite(mean):
        return MISSING
    # an equal-tailed 95 % interval is about four standard deviations wide
    resolution = (upper - lower) / 4
    low, high = (_number(of_type, number, resolution) for number in (lower, upper))
    return f"{value(of_type, mean, resolution)} [{low}, {high}]"


def evidence(size: float) -> str:
    """Return how much was seen; nothing at all is a dash.

    Examples
    --------
    >>> evidence(1204), evidence(0)
    ('1,204', '–')
    """
    return count(size) if size else MISSING


def sigma(number: float | None) -> str:
    """Return a signed distance in sigmas.

    Examples
    --------
    >>> sigma(-3.195), sigma(0.376), sigma(None), sigma(-0.01)
    ('−3.2σ', '+0.4σ', '–', '0.0σ')
    """
    if number is None or not math.isfinite(number):
        return MISSING
    return "0.0σ" if abs(number) < 0.05 else f"{number:+.1f}σ".replace("-", "−")


def age(days: float | None) -> str:
    """Return an age in whole days, or hours.

    Examples
    --------
    >>> age(0.25), age(3.2), age(0.01), age(None)
    ('6 h', '3 d', '<1 h', '–')
    """
    if days is None or not math.isfinite(days):
        return MISSING
    if days >= 1:
        return f"{math.floor(days):,} d"
    hours = days * 24
    return f"{math.floor(hours)} h" if hours >= 1 else "<1 h"
