"""The events of the example project: simulated from its beliefs, laid out night by night as they arrive."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.funnels.simulate import (
    Edge,
    Journeys,
    Rate,
    simulate_delays,
    simulate_journeys,
    simulate_sessions,
)
from evenfall.funnels.truth import Truth, draw_truth, generator, overdisperse

__all__ = ["CHANNELS", "DEFAULT_SEED", "DEVICES", "DRIFTING", "FIRST_DAY", "NIGHTS", "TRACKED", "DemoData"]

DEFAULT_SEED: Final = 7
DAYS: Final = 30
FIRST_DAY: Final = date(2026, 9, 1)
NIGHTS: Final = tuple(FIRST_DAY + timedelta(days=1 + i) for i in range(DAYS))
"""Every night reads the days before it; the last one is the night of the example's pinned clock."""

CHANNELS: Final = ("google", "facebook", "email")
DEVICES: Final = ("mobile", "desktop")
SLICES: Final = tuple((channel, device) for channel in CHANNELS for device in DEVICES)
SHARES: Final = (0.30, 0.22, 0.21, 0.10, 0.16, 0.01)
"""Share of the traffic per slice; the last one is too small for its light to be judged."""

SESSIONS_PER_DAY: Final = 900
WEEKDAY_FACTORS: Final = (1.05, 1.0, 1.0, 1.0, 0.95, 0.9, 1.1)

TRACKED: Final = {
    Edge("browse", "landing", "product"): "browse",
    Edge("use-search", "landing", "search"): "use-search",
    Edge("see-deals", "landing", "deals"): "see-deals",
    Edge("find", "search", "product"): "find",
    Edge("pick-deal", "deals", "product"): "pick-deal",
    Edge("read-reviews", "product", "reviews"): "read-reviews",
    Edge("add-to-cart", "product", "cart"): "add-to-cart",
    Edge("signup", "product", "account"): "signup",
    Edge("cart-after-reviews", "reviews", "cart"): "cart-after-reviews",
    Edge("member-cart", "account", "cart"): "member-cart",
    Edge("checkout", "cart", "shipping"): "checkout",
    Edge("save-for-later", "cart", "wishlist"): "save-for-later",
    Edge("choose-delivery", "shipping", "payment"): "choose-delivery",
    Edge("pay", "payment", "order"): "pay-guest",
    Edge("take-upsell", "order", "upsell"): "take-upsell",
}
"""The edges that leave events behind, and the parameter that speaks of each."""

MEMBER_NODE, MEMBER_EDGE, MEMBER_PARAMETER = "account", "pay", "pay-member"

DRIFTING: Final = "checkout"
DRIFT_FACTOR: Final = 0.7
DRIFT_FROM: Final = FIRST_DAY + timedelta(days=7)

LATE_SHARE: Final = 0.03
LONGEST_DELAY: Final = 3
RESTATED_DAY: Final = FIRST_DAY + timedelta(days=11)
RESTATED_ON: Final = RESTATED_DAY + timedelta(days=4)
LOST_SHARE: Final = 0.2
"""Share of the restated day's conversions that its first delivery had lost."""

LEARNED_KAPPA: Final = 80.0
"""How much days really scatter where the definition leaves that to be learned."""

DESK_HOURS: Final = range(8, 18)
CUSTOMERS: Final = 20_000


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One file: there from the night it `arrived` until the night it is `replaced`."""

    name: str
    arrived: date
    replaced: date
    content: bytes


class DemoData:
    """Thirty days of events whose truth is drawn from stated beliefs.

    Parameters
    ----------
    priors
        What is believed of every parameter with evidence: those of `TRACKED` (``signup`` per channel and
        device), ``pay-member``, ``order-value``, ``time-to-order`` and ``support-tickets``.
    kappas
        Per overdispersed parameter how much its days scatter; None where that is to be learned.
    seed
        The same beliefs and seed give the same bytes.
    """

    def __init__(
        self, priors: Mapping[str, Belief], kappas: Mapping[str, float | None], seed: int = DEFAULT_SEED
    ) -> None:
        self.seed = seed
        self.kappas = {name: LEARNED_KAPPA if kappa is None else kappa for name, kappa in kappas.items()}
        self.truths = draw_truth(priors, seed)

    @property
    def truth(self) -> dict[str, object]:
        """What is true of every parameter, JSON-ready; only the drifting one changes."""
        parameters: dict[str, dict[str, object]] = {
            name: {"quantity": truth.quantity} for name, truth in sorted(self.truths.items())
        }
        for name, kappa in self.kappas.items():
            parameters[name]["kappa"] = kappa
        before = self.truths[DRIFTING].quantity
        parameters[DRIFTING]["drift"] = {"from": DRIFT_FROM.isoformat(), "quantity": before * DRIFT_FACTOR}
        return {
            "seed": self.seed,
            "first_day": FIRST_DAY.isoformat(),
            "last_night": NIGHTS[-1].isoformat(),
            "late_share": LATE_SHARE,
            "restated": {"day": RESTATED_DAY.isoformat(), "on": RESTATED_ON.isoformat()},
            "parameters": parameters,
        }

    def write_truth(self, root: Path) -> Path:
        """Write ``truth.json`` into the project and return its path."""
        path = root / "truth.json"
        _write(path, (json.dumps(self.truth, indent=2) + "\n").encode())
        return path

    def lay(self, root: Path, night: date) -> None:
        """Make ``data/`` hold exactly the files that had arrived before `night`; equal files are left alone."""
        data = root / "data"
        due = {d.name: d.content for d in self._deliveries if d.arrived <= night < d.replaced}
        due["support.csv"] = self._support_until(night)
        for path in [*data.rglob("*.parquet"), *data.rglob("*.csv")]:
            if path.relative_to(data).as_posix() not in due:
                path.unlink()
        for name, content in due.items():
            path = data / name
            if not path.is_file() or path.read_bytes() != content:
                _write(path, content)
        for folder in sorted(data.rglob("day=*")):
            if not any(folder.iterdir()):
                folder.rmdir()

    def lay_all(self, root: Path) -> None:
        """Lay everything that had arrived before the last night."""
        self.lay(root, NIGHTS[-1])

    @cached_property
    def journeys(self) -> Journeys:
        """Every attempt at a tracked edge, as it really was."""
        days = [FIRST_DAY + timedelta(days=i) for i in range(DAYS)]
        per_day = SESSIONS_PER_DAY * np.array([WEEKDAY_FACTORS[day.weekday()] for day in days])
        sessions = simulate_sessions(per_day, SHARES, generator(self.seed, "sessions"))
        return simulate_journeys(tuple(TRACKED), self._rates(), sessions, generator(self.seed, "journeys"))

    def _rates(self) -> dict[str, list[Rate]]:
        rates = {edge.slug: [Rate(self._daily(parameter))] for edge, parameter in TRACKED.items()}
        rates[MEMBER_EDGE].insert(0, Rate(self._daily(MEMBER_PARAMETER), visited=MEMBER_NODE))
        return rates

    def _daily(self, parameter: str) -> NDArray[np.float64]:
        """Return the probabilities of one parameter, or of the shards of one template, shape (day, slice)."""
        shards = [f"{parameter}[channel={channel},device={device}]" for channel, device in SLICES]
        if shards[0] in self.truths:
            return np.tile([self.truths[shard].quantity for shard in shards], (DAYS, 1))
        mean = self.truths[parameter].quantity
        daily = np.full(DAYS, mean)
        if parameter in self.kappas:
            daily = overdisperse(
                mean, self.kappas[parameter], DAYS, generator(self.seed, f"days {parameter}")
            )
        if parameter == DRIFTING:
            daily[(DRIFT_FROM - FIRST_DAY).days :] *= DRIFT_FACTOR
        return np.repeat(daily[:, None], len(SLICES), axis=1)

    @cached_property
    def _deliveries(self) -> list[_Delivery]:
        return [*self._journey_files(), *self._order_files()]

    def _journey_files(self) -> Iterator[_Delivery]:
        journeys = self.journeys
        rng = generator(self.seed, "arrival")
        delay = simulate_delays(journeys.day, LATE_SHARE, LONGEST_DELAY, rng)
        lost = journeys.converted & (rng.random(len(journeys)) < LOST_SHARE)
        table = _journey_table(journeys, journeys.converted, self._customers)
        faulty = _journey_table(journeys, journeys.converted & ~lost, self._customers)
        for number in range(DAYS):
            day = FIRST_DAY + timedelta(days=number)
            restated = day == RESTATED_DAY
            rows = np.flatnonzero(journeys.day == number)
            for late in np.unique(delay[rows]):
                chosen = rows[delay[rows] == late]
                arrived = day + timedelta(days=1 + int(late))
                first = (faulty if restated else table).take(chosen)
                yield _delivery("journeys", day, arrived, first, RESTATED_ON if restated else date.max)
            if restated:
                yield _delivery("journeys", day, RESTATED_ON, table.take(rows), date.max)

    def _order_files(self) -> Iterator[_Delivery]:
        journeys = self.journeys
        bought = np.flatnonzero(journeys.converted & (journeys.edge == _edge_number(MEMBER_EDGE)))
        value, hours = self.truths["order-value"], self.truths["time-to-order"]
        rng = generator(self.seed, "orders")
        columns = {
            "value_eur": np.round(rng.normal(value.location, value.noise, len(bought)), 2),
            "hours_since_first_visit": np.round(rng.lognormal(hours.location, hours.noise, len(bought)), 2),
        }
        table = _journey_table(journeys, journeys.converted, self._customers).take(bought)
        table = table.select(["user_id", "session_id", "created_at", "channel", "device"])
        for name, numbers in columns.items():
            table = table.append_column(name, pa.array(numbers))
        for number in range(DAYS):
            day = FIRST_DAY + timedelta(days=number)
            rows = np.flatnonzero(journeys.day[bought] == number)
            yield _delivery("orders", day, day + timedelta(days=1), table.take(rows), date.max)

    @cached_property
    def _customers(self) -> NDArray[np.int64]:
        """Return who each session is, shape (session,): people come back."""
        sessions = int(self.journeys.session.max()) + 1
        return generator(self.seed, "customers").integers(1, CUSTOMERS, size=sessions)

    @cached_property
    def _support_lines(self) -> list[list[str]]:
        rate: Truth = self.truths["support-tickets"]
        tickets = generator(self.seed, "support").poisson(rate.quantity, size=(DAYS, len(DESK_HOURS)))
        days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
        return [
            [f"{day} {hour:02}:00:00,1,{n}" for hour, n in zip(DESK_HOURS, row, strict=True)]
            for day, row in zip(days, tickets.tolist(), strict=True)
        ]

    def _support_until(self, night: date) -> bytes:
        """Return the support desk's log, one line per open hour of the days before `night`."""
        past = self._support_lines[: max((night - FIRST_DAY).days, 0)]
        return "\n".join(
            ["created_at,desk_hours,tickets", *(line for day in past for line in day), ""]
        ).encode()


def _edge_number(slug: str) -> int:
    return [edge.slug for edge in TRACKED].index(slug)


def _journey_table(
    journeys: Journeys, converted: NDArray[np.bool_], customers: NDArray[np.int64]
) -> pa.Table:
    """Return the attempts as a table; times are wall time of the project's zone."""
    midnight = np.datetime64(FIRST_DAY, "s") + journeys.day.astype("timedelta64[D]")
    created = midnight + journeys.second.astype("timedelta64[s]")
    names = {
        "edge_slug": ([edge.slug for edge in TRACKED], journeys.edge),
        "channel": ([channel for channel, _ in SLICES], journeys.slice),
        "device": ([device for _, device in SLICES], journeys.slice),
    }
    text = {name: np.array(words, dtype=object)[rows] for name, (words, rows) in names.items()}
    return pa.table(
        {
            "user_id": customers[journeys.session],
            "session_id": journeys.session,
            "edge_slug": pa.array(text["edge_slug"], pa.string()),
            "created_at": pa.array(created.astype("datetime64[us]")),
            "channel": pa.array(text["channel"], pa.string()),
            "device": pa.array(text["device"], pa.string()),
            "member": journeys.has_visited(MEMBER_NODE),
            "converted": converted,
        }
    )


def _delivery(table_name: str, day: date, arrived: date, table: pa.Table, replaced: date) -> _Delivery:
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=[n for n in ("edge_slug", "channel", "device") if n in table.column_names],
        column_encoding={n: "DELTA_BINARY_PACKED" for n in ("user_id", "session_id", "created_at")},
    )
    return _Delivery(f"{table_name}/day={day}/part-{arrived}.parquet", arrived, replaced, sink.getvalue())


def _write(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
