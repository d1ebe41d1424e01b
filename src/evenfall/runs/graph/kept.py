"""What questions about a graph have in common: rates, draws, slices as they stand; kept while they hold."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from evenfall.clock import Night
from evenfall.funnels.draws import draw_rate
from evenfall.funnels.network import Network, network_of
from evenfall.funnels.standing import Joins, Slice, Standing
from evenfall.registry.fallback import Names
from evenfall.registry.schemas import Graph
from evenfall.runs.graph.rates import GraphRates, names_of_graph
from evenfall.runs.world import World

__all__ = ["Ground", "Kept", "Wired"]

_MOST_BYTES: Final = 256 * 2**20
"""What the slices that are kept may take: some sixty of a graph with 300 edges."""

_MOST_NIGHTS: Final = 4

_MOST_FOUND: Final = 64

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Wired:
    """A graph with its network, and the names of what may answer for its edges."""

    graph_id: str
    graph: Graph
    network: Network
    names: Names


class Ground:
    """What answers stand on as of one night, as long as definitions and history stay as they are.

    Several threads may use it at once; what they find is the same whoever comes first.

    Attributes
    ----------
    names
        Of the project's definitions.
    """

    def __init__(self, world: World, night: Night, names: Names) -> None:
        self.world, self.night, self.names = world, night, names
        self._wired: dict[str, Wired] = {}
        self._rates: dict[tuple[str, str], GraphRates] = {}
        self._rows: WeakValueDictionary[tuple[str, str, int, int], Floats] = WeakValueDictionary()
        self._standing: OrderedDict[tuple[Any, ...], Standing] = OrderedDict()
        self._joins: dict[tuple[str, int, int], Joins] = {}
        self._found: OrderedDict[Hashable, Any] = OrderedDict()
        self._turn = threading.RLock()

    def wired(self, graph_id: str) -> Wired:
        """Return a graph of the project, ready to be asked."""
        with self._turn:
            if graph_id not in self._wired:
                graph = self.world.registry.graphs[graph_id]
                names = names_of_graph(self.names, graph)
                self._wired[graph_id] = Wired(graph_id, graph, network_of(graph), names)
            return self._wired[graph_id]

    def rates(self, wired: Wired, start: str) -> GraphRates:
        """Return the rates of a graph whose entries begin at `start`; nothing was asked of them yet."""
        key = wired.graph_id, start
        with self._turn:
            if key not in self._rates:
                self._rates[key] = GraphRates(
                    self.world, self.night, wired.graph, wired.network, wired.names, {start: 1.0}
                )
            return self._rates[key].asked_anew()

    def standing(
        self, wired: Wired, rates: GraphRates, slices: Sequence[Slice], draws: int, seed: int
    ) -> list[Standing]:
        """Return the slices as they stand; each is computed once."""
        (start,) = rates.start
        with self._turn:
            return [self._stand(wired, start, rates, part, (draws, seed)) for part in slices]

    def once[T](self, key: Hashable, find: Callable[[], T]) -> T:
        """Return what `find` finds, which must depend on the key alone; the latest are kept."""
        with self._turn:
            if key not in self._found:
                self._found[key] = find()
            self._found.move_to_end(key)
            while len(self._found) > _MOST_FOUND:
                self._found.popitem(last=False)
            found: T = self._found[key]
            return found

    def _stand(
        self, wired: Wired, start: str, rates: GraphRates, part: Slice, how: tuple[int, int]
    ) -> Standing:
        key = wired.graph_id, start, *sorted(part.context.items()), *how
        if key in self._standing:
            self._standing.move_to_end(key)
            return self._standing[key]
        draws, seed = how
        rows = {each.rate: self._row(wired, rates, each.rate, how) for each in part.rates}
        joins = self._joins.setdefault((wired.graph_id, *how), Joins())
        standing = Standing.of(
            wired.network, part, rows, draws=draws, start=rates.start, seed=seed, joins=joins
        )
        self._standing[key] = standing
        while len(self._standing) > 1 and sum(one.nbytes for one in self._standing.values()) > _MOST_BYTES:
            self._standing.popitem(last=False)
        return standing

    def _row(self, wired: Wired, rates: GraphRates, name: str, how: tuple[int, int]) -> Floats:
        """Return the draws of a rate, which all slices share that have it."""
        key = wired.graph_id, name, *how
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = draw_rate(name, rates.beliefs[name], *how)
        return row


@dataclass
class Kept:
    """The grounds of one project; they are thrown away when its definitions or its history change."""

    _state: tuple[Any, ...] = ()
    _grounds: OrderedDict[date, Ground] = field(default_factory=OrderedDict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def ground(self, world: World, as_of: date | str | None = None) -> Ground:
        """Return what answers as of a night (default: tonight) stand on."""
        night = world.night(as_of)
        state = _state_of(world)
        with self._turn:
            if state != self._state:
                self._state = state
                self._grounds.clear()
            if night.as_of not in self._grounds:
                self._grounds[night.as_of] = Ground(world, night, Names.of(world.registry))
            self._grounds.move_to_end(night.as_of)
            while len(self._grounds) > _MOST_NIGHTS:
                self._grounds.popitem(last=False)
            return self._grounds[night.as_of]


def _state_of(world: World) -> tuple[Any, ...]:
    """Return what differs when definitions or history do; scenarios are questions and change no answer."""
    registry = world.registry
    files = tuple(
        (path, source.sha256)
        for path, source in registry.sources.items()
        if not path.startswith("scenarios/")
    )
    problems = tuple(str(problem) for problem in registry.problems)
    return id(world.store), world.store.generation(), registry.settings, files, problems
