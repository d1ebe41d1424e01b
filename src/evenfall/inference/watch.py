"""Who watches a fit: told how far it is, asked whether it should stop.

An engine takes a model and a request, both of which may cross to another process; what cannot cross is set
here around the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

__all__ = ["Watch", "current_watch", "watching"]


@dataclass(frozen=True, slots=True)
class Watch:
    """Callbacks of one fit.

    Attributes
    ----------
    progress
        Called now and then with the share of the work done, 0..1.
    cancelled
        Asked now and then; once it says yes the engine stops and returns what it has as not converged.
    """

    progress: Callable[[float], None] | None = None
    cancelled: Callable[[], bool] | None = None

    def tell(self, share: float) -> None:
        """Pass on how far the fit is."""
        if self.progress is not None:
            self.progress(share)

    def stop(self) -> bool:
        """Return whether the fit should stop."""
        return self.cancelled is not None and self.cancelled()


_NOBODY: Final = Watch()
_current: Final[ContextVar[Watch]] = ContextVar("evenfall_watch", default=_NOBODY)


def current_watch() -> Watch:
    """Return the watch of the fit under way; one that never stops it when nobody watches."""
    return _current.get()


@contextmanager
def watching(
    progress: Callable[[float], None] | None = None, cancelled: Callable[[], bool] | None = None
) -> Iterator[Watch]:
    """Watch every fit made inside the block."""
    watch = Watch(progress, cancelled)
    token = _current.set(watch)
    try:
        yield watch
    finally:
        _current.reset(token)
