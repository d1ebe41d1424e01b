"""Why a value that nothing was made of has no place in an Evenfall project."""

from __future__ import annotations

import re
from typing import Final

from evenfall.registry.tree import Path

__all__ = ["reason"]

_DRAWING: Final = "how the editor draws it"
_COUNTS: Final = "counts come from a connection: see observation_source"
_FITTED: Final = "fitted by another engine; Evenfall computes its own"
_NO_TEXT: Final = "there is no place for this text"
_SOURCE: Final = "a connection is declared in evenfall.toml and named by observation_source"

_REASONS: Final = (
    (r".*_overridden", "bookkeeping of the editor"),
    (
        r"layout|display|images|fromHandle|toHandle|colour|color|postits|containers|canvas\w+|debugging",
        _DRAWING,
    ),
    (r"evidence|n|k|n_daily|k_daily|dates|data_source|query_signature|retrieved_at|notes", _COUNTS),
    (r"anchor_\w+|histogram|\w+_lag_days|completeness|maturity_days", _FITTED),
    (r"posterior|forecast|model_vars|model_source_preference|_bayes|promoted_\w+|path_\w+|mu|sigma", _FITTED),
    (r"onset_delta_days", "a delay has a median and a 95 % point, and begins at once"),
    (r"connection\w*|defaultConnection|source|sources", _SOURCE),
    (r"event|event_id", "events are named by observation_source: events"),
    (r"entry", "a what-if names the nodes it starts from"),
    (r"policies|residual_behavior", "who takes no edge leaves; nothing is rescaled"),
    (r"query|n_query|full_query", "says where the editor fetched from; write an observation_source"),
    (r"currentQueryDSL|dataInterestsDSL|baseDSL|dailyFetch|runBayes", "a setting of the editor"),
    (r"scenarios", "a scenario of the editor; save a what-if instead"),
    (r"distribution", "the type of a parameter has a distribution already"),
    (r"window_\w+|cohort_\w+|sliceDSL|context_id", "says which days and whom the editor asked for"),
    (r"weight", "no edge carries this share"),
    (r"labour_cost|time", "time is no money: an edge has one cost, in the project's currency"),
    (r"schedules|history|applies_to", "what the split was before; the current one counts"),
    (r"latency", "a delay stands on an edge, as a median and a 95 % point"),
    (r"description|label|tags|name|url|owner|contacts|units|status|note", _NO_TEXT),
    (r"metadata", "metadata of the editor"),
)
_ANY: Final = "Evenfall has no place for it"


def reason(path: Path) -> str:
    """Return the reason for a path: that of the last of its keys that has one.

    Examples
    --------
    >>> reason(("nodes", 0, "layout", "x"))
    'how the editor draws it'
    """
    for step in reversed(path):
        if isinstance(step, str):
            for pattern, why in _REASONS:
                if re.fullmatch(pattern, step):
                    return why
    return _ANY
