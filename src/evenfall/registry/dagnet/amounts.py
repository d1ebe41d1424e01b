"""Delays and costs of DagNet's edges."""

from __future__ import annotations

from typing import Final

from evenfall.registry.dagnet.account import Account, Target
from evenfall.registry.dagnet.parameters import Draft
from evenfall.registry.tree import Path

__all__ = ["cost_of", "latency_of"]

_DELAYS: Final = (("median_lag_days", "median_days"), ("t95", "t95_days"))
_COSTS: Final[tuple[tuple[Path, str, str | None], ...]] = (
    (("cost",), "mean", None),
    (("cost_gbp",), "mean", "GBP"),
    (("costs", "monetary"), "value", "GBP"),
)
"""Where a cost may stand, the key of its amount, and the currency it is in unless it says otherwise."""


def latency_of(account: Account, edge: Path, target: Target, draft: Draft | None) -> dict[str, object]:
    """Return the delay of an edge, written at `target`: its own, else that of its parameter's file."""
    found: dict[str, object] = {}
    places = [(account, (*edge, "p", "latency")), (account, (*edge, "latency"))]
    if draft is not None and draft.kind == "rate":
        places.append((draft.account, ("latency",)))
        if draft.base is not None:
            places.append((draft.account, ("values", draft.base.index, "latency")))
    for source, path in places:
        for said, key in _DELAYS:
            days = source.number((*path, said), 0.0)
            if days is None:
                continue
            if found.setdefault(key, days) == days:
                source.move((*path, said), Target(target.file, (*target.path, key)), days)
            else:
                source.drop((*path, said), f"the edge's own delay counts, at {target}")
    return found


def cost_of(
    account: Account, edge: Path, target: Target, currency: str, draft: Draft | None
) -> float | dict[str, object] | None:
    """Return what a passage of an edge costs, written at `target`; None when that is not said.

    Parameters
    ----------
    currency
        The project's; an amount in another one is dropped, never taken for it.
    draft
        The file that the cost names.
    """
    for key, amount, usual in _COSTS:
        path: Path = (*edge, *key)
        said = account.at(path)
        if said is not None and not isinstance(said, dict):
            number = account.number(path)
            if number is not None:
                account.move(path, target, number)
            return number
        if said is not None:
            stated = account.text((*path, "currency")) or usual
            if stated in (None, currency):
                return _amount(account, path, amount, target, draft)
            why = f"in {stated}, but the project counts in {currency}: set currency in evenfall.toml"
            account.drop(path, why)
            return None
    return None


def _amount(
    account: Account, path: Path, key: str, target: Target, draft: Draft | None
) -> dict[str, object] | None:
    """Return mean and stdev of a cost: those of the edge, else those of the file it names."""
    account.drop((*path, "currency"), "the project's currency")
    account.drop((*path, "id"), "the amount stands on the edge")
    base = draft.base if draft is not None and draft.kind == "cost" else None
    if base is not None and account.at((*path, key)) is None:
        account, path, key = base.rate.account, base.rate.path, "mean"
    elif base is not None:
        base.rate.refuse("the edge's own amount counts")
    mean, stdev = account.number((*path, key)), account.number((*path, "stdev"), 0.0)
    if mean is None:
        return None
    cost: dict[str, object] = {"mean": mean}
    account.move((*path, key), Target(target.file, (*target.path, "mean")), mean)
    if stdev is not None:
        cost["stdev"] = stdev
        account.move((*path, "stdev"), Target(target.file, (*target.path, "stdev")), stdev)
    return cost
