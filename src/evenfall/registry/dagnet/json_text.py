"""JSON text becomes plain data: no key twice, no NaN, bounded like every definition file."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from evenfall.errors import ConfigError
from evenfall.registry.tree import DEPTH_LIMIT, NODE_LIMIT

__all__ = ["read_json"]


def read_json(text: str, file: str) -> object:
    """Return the data of a JSON text: mappings as dict, lists as tuple.

    Raises
    ------
    ConfigError
        When the text is not JSON, has a key twice, a number that is not finite or half of a character, or
        goes beyond the limits of definition files.
    """
    try:
        data = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
        return _frozen(data, 0, [0])
    except json.JSONDecodeError as error:
        remedy = "save the file from the editor again"
        raise ConfigError(
            f"not JSON: {error.msg}", file=file, line=error.lineno, column=error.colno, remedy=remedy
        ) from None
    except _Refused as refused:
        raise ConfigError(refused.args[0], file=file, value=refused.value, remedy=refused.args[1]) from None
    except RecursionError:
        raise ConfigError(
            f"nested deeper than {DEPTH_LIMIT} levels", file=file, remedy="flatten the file"
        ) from None
    except ValueError:
        raise ConfigError("a number of thousands of digits", file=file, remedy="write fewer digits") from None


class _Refused(Exception):
    """What is wrong with the text, the remedy, and the value."""

    def __init__(self, message: str, remedy: str, value: object = None) -> None:
        super().__init__(message, remedy)
        self.value = value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Refused("a duplicate key", "keep one of the two", twice[:80])
    return content


def _constant(word: str) -> NoReturn:
    raise _Refused("not a number of JSON", "write a finite number, or null", word)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Refused("a number too large", "write a finite number", text[:80])
    return number


def _frozen(data: object, depth: int, count: list[int]) -> object:
    """Return the data with tuples for lists, counted and measured on the way."""
    count[0] += 1
    if depth >= DEPTH_LIMIT and isinstance(data, dict | list):
        raise _Refused(f"nested deeper than {DEPTH_LIMIT} levels", "flatten the file")
    if count[0] > NODE_LIMIT:
        raise _Refused(f"more than {NODE_LIMIT:,} keys and values", "split the file")
    if isinstance(data, dict):
        count[0] += len(data)
        return {_whole(key): _frozen(value, depth + 1, count) for key, value in data.items()}
    if isinstance(data, list):
        return tuple(_frozen(member, depth + 1, count) for member in data)
    return _whole(data) if isinstance(data, str) else data


def _whole(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise _Refused("half of a character", "write the character itself")
    return text
