"""Shops for the tests of this room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .shop import Shop


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    """Return a builder of shops, each in a folder of its own."""
    with ExitStack() as stack:
        folders = (tmp_path / f"shop{number}" for number in range(9))

        def build(**options: Any) -> Shop:
            return stack.enter_context(Shop(next(folders), **options))

        yield build


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    """Return a shop in UTC whose nights read the last five days again."""
    return open_shop()
