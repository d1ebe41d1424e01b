"""Answers that are dictionaries already: written as JSON, with null for what is no number."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from fastapi import Response

__all__ = ["told"]


def told(facts: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> Response:
    """Return facts as the answer to a request, without a model between them and the reader."""
    try:
        text = json.dumps(facts, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:  # an infinite figure, as of a lift over nothing
        text = json.dumps(_finite(facts), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(
        text.encode("utf-8", "replace"), headers=dict(headers or {}), media_type="application/json"
    )


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
    return value
