"""The identity of everything a night's posterior is a function of."""

from __future__ import annotations

import hashlib

from evenfall.runs.night.case import Case
from evenfall.runs.night.ledger import digest_cohorts, digest_rows

__all__ = ["inputs_hash"]


def inputs_hash(case: Case) -> str:
    """Return the identity of everything tonight's posterior is a function of."""
    root = case.prior.root
    kept = [
        (window, sums)
        for window, sums in case.ledger.items()
        if (root.absorbed_until is None or window.first >= root.absorbed_until)
        and window.stop <= case.night.as_of
    ]
    parts = [
        root.belief.family,
        *(repr(number) for number in root.belief.theta),
        str(root.absorbed_until),
        case.parameter.definition_hash,
        case.task.query_hash,
        repr(case.rule),
        *digest_rows(kept),
    ]
    if case.cohorts is not None:
        counted = case.cohorts.between(root.absorbed_until, case.night.as_of)
        parts += [repr(case.horizon_days), digest_cohorts(counted)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
