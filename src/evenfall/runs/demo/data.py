"""The events of the example project: simulated from its beliefs, laid out night by night as they arrive."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.errors import UsageError
from evenfall.funnels.simulate import (
    Journeys,
    Rate,
    simulate_delays,
    simulate_journeys,
    simulate_sessions,
)
from evenfall.funnels.truth import Truth, draw_truth, generator, overdisperse
from evenfall.runs.demo import world as acme
from evenfall.runs.demo.events import event_tables
from evenfall.runs.demo.letters import letter_tables

if TYPE_CHECKING:
    from evenfall.registry.parameter import Parameter

__all__ = ["DemoData", "example_path"]


def example_path() -> Path:
    """Return the folder of the example project: inside the installed package, else of the checkout.

    Raises
    ------
    UsageError
        When this installation has neither.
    """
    package = Path(__file__).parents[2]
    for folder in (package / "examples", package.parents[1] / "examples"):
        if (folder / "acme-funnel" / "evenfall.toml").is_file():
            return folder / "acme-funnel"
    raise UsageError("this installation has no example project", remedy="install Evenfall from its wheel")


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
        What is believed of every parameter with evidence: those of `acme.TRACKED` (``signup`` per channel and
        device) and `acme.CONDITIONAL`, ``order-value``, ``time-to-order`` and ``support-tickets``.
    kappas
        Per overdispersed parameter how much its days scatter; None where that is to be learned.
    seed
        The same beliefs and seed give the same bytes.
    """

    def __init__(
        self, priors: Mapping[str, Belief], kappas: Mapping[str, float | None], seed: int = acme.DEFAULT_SEED
    ) -> None:
        self.seed = seed
        self.kappas = {name: acme.LEARNED_KAPPA if kappa is None else kappa for name, kappa in kappas.items()}
        self.truths = draw_truth(priors, seed)

    @classmethod
    def of(cls, parameters: Mapping[str, Parameter], seed: int = acme.DEFAULT_SEED) -> DemoData:
        """Return the events behind those of the `parameters` that state a prior and read evidence."""
        # A model of the project's own looks at the same events a second time; they have one truth.
        seen = {name: p for name, p in parameters.items() if p.observation_source and not p.model}
        stated = {name: p.declared_prior() for name, p in seen.items()}
        scattered = {name: p.kappa for name, p in seen.items() if p.kappa is not None}
        return cls(
            {name: prior[0] for name, prior in stated.items() if prior},
            {name: None if kappa == "learned" else kappa for name, kappa in scattered.items()},
            seed,
        )

    @property
    def truth(self) -> dict[str, object]:
        """What is true of every parameter, JSON-ready; only the drifting one changes."""
        parameters: dict[str, dict[str, object]] = {
            name: {"quantity": truth.quantity} for name, truth in sorted(self.truths.items())
        }
        for name, kappa in self.kappas.items():
            parameters[name]["kappa"] = kappa
        for name, lag in acme.LAGGED.items():
            parameters[name]["lag"] = {
                "family": lag.family,
                "t50_days": lag.t50_days,
                "t95_days": lag.t95_days,
            }
        before = self.truths[acme.DRIFTING].quantity
        parameters[acme.DRIFTING]["drift"] = {
            "from": acme.DRIFT_FROM.isoformat(),
            "quantity": before * acme.DRIFT_FACTOR,
        }
        return {
            "seed": self.seed,
            "first_day": acme.DAYS[0].isoformat(),
            "last_night": acme.NIGHTS[-1].isoformat(),
            "late_share": acme.LATE_SHARE,
            "restated": {"day": acme.RESTATED_DAY.isoformat(), "on": acme.RESTATED_ON.isoformat()},
            "parameters": parameters,
        }

    def write_truth(self, root: Path) -> Path:
        """Write ``truth.json`` into the project and return its path."""
        path = root / "truth.json"
        _write(path, (json.dumps(self.truth, indent=2) + "\n").encode())
        return path

    def lay(self, root: Path, night: date) -> None:
        """Make ``data/`` hold exactly what had arrived before `night`; equal files are left alone."""
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
        self.lay(root, acme.NIGHTS[-1])

    @cached_property
    def journeys(self) -> Journeys:
        """Every attempt at a tracked edge, as it really was."""
        factors = [acme.WEEKDAY_FACTORS[day.weekday()] for day in acme.DAYS]
        per_day = acme.SESSIONS_PER_DAY * np.array(factors)
        sessions = simulate_sessions(per_day, acme.SHARES, generator(self.seed, "sessions"))
        return simulate_journeys(
            tuple(acme.TRACKED), self._rates(), sessions, generator(self.seed, "journeys")
        )

    def _rates(self) -> dict[str, list[Rate]]:
        rates = {}
        for edge, parameter in acme.TRACKED.items():
            some = acme.CONDITIONAL.get(edge.slug, {})
            rates[edge.slug] = [Rate(self._daily(name), visited) for name, visited in some.items()]
            rates[edge.slug].append(Rate(self._daily(parameter)))
        return rates

    def _daily(self, parameter: str) -> NDArray[np.float64]:
        """Return the probabilities of one parameter, or of the shards of one template, shape (day, slice)."""
        shards = [f"{parameter}[channel={channel},device={device}]" for channel, device in acme.SLICES]
        if shards[0] in self.truths:
            return np.tile([self.truths[shard].quantity for shard in shards], (len(acme.DAYS), 1))
        mean = self.truths[parameter].quantity
        daily = np.full(len(acme.DAYS), mean)
        if parameter in self.kappas:
            daily = overdisperse(
                mean, self.kappas[parameter], len(acme.DAYS), generator(self.seed, f"days {parameter}")
            )
        if parameter == acme.DRIFTING:
            daily[acme.DAYS.index(acme.DRIFT_FROM) :] *= acme.DRIFT_FACTOR
        return np.repeat(daily[:, None], len(acme.SLICES), axis=1)

    @cached_property
    def _deliveries(self) -> list[_Delivery]:
        return [
            *self._journey_files(),
            *self._order_files(),
            *self._event_files(),
            *self._letter_files(),
        ]

    def _journey_files(self) -> Iterator[_Delivery]:
        journeys = self.journeys
        rng = generator(self.seed, "arrival")
        delay = simulate_delays(journeys.day, acme.LATE_SHARE, acme.LONGEST_DELAY, rng)
        lost = journeys.converted & (rng.random(len(journeys)) < acme.LOST_SHARE)
        table = _journey_table(journeys, journeys.converted, self._customers)
        faulty = _journey_table(journeys, journeys.converted & ~lost, self._customers)
        for number, day in enumerate(acme.DAYS):
            restated = day == acme.RESTATED_DAY
            rows = np.flatnonzero(journeys.day == number)
            for late in np.unique(delay[rows]):
                chosen = rows[delay[rows] == late]
                arrived = day + timedelta(days=1 + int(late))
                first = (faulty if restated else table).take(chosen)
                yield _delivery("journeys", day, arrived, first, acme.RESTATED_ON if restated else date.max)
            if restated:
                yield _delivery("journeys", day, acme.RESTATED_ON, table.take(rows), date.max)

    def _order_files(self) -> Iterator[_Delivery]:
        journeys = self.journeys
        bought = np.flatnonzero(journeys.converted & (journeys.edge == _edge_number(acme.MEMBER_EDGE)))
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
        for number, day in enumerate(acme.DAYS):
            rows = np.flatnonzero(journeys.day[bought] == number)
            yield _delivery("orders", day, day + timedelta(days=1), table.take(rows), date.max)

    def _event_files(self) -> Iterator[_Delivery]:
        for day, table in event_tables(self.journeys):
            yield _delivery("events", day, day + timedelta(days=1), table, date.max)

    def _letter_files(self) -> Iterator[_Delivery]:
        rates = {edge: self.truths[edge].quantity for edge in acme.LAGGED}
        for day, table in letter_tables(rates, self.seed):
            yield _delivery("letters", day, day + timedelta(days=1), table, date.max)

    @cached_property
    def _customers(self) -> NDArray[np.int64]:
        """Return who each session is, shape (session,): people come back."""
        sessions = int(self.journeys.session.max()) + 1
        return generator(self.seed, "customers").integers(1, acme.CUSTOMERS, size=sessions)

    @cached_property
    def _support_lines(self) -> list[list[str]]:
        rate: Truth = self.truths["support-tickets"]
        tickets = generator(self.seed, "support").poisson(
            rate.quantity, size=(len(acme.DAYS), len(acme.DESK_HOURS))
        )
        return [
            [f"{day} {hour:02}:00:00,1,{n}" for hour, n in zip(acme.DESK_HOURS, row, strict=True)]
            for day, row in zip(acme.DAYS, tickets.tolist(), strict=True)
        ]

    def _support_until(self, night: date) -> bytes:
        """Return the support desk's log, one line per open hour of the days before `night`."""
        past = self._support_lines[: sum(day < night for day in acme.DAYS)]
        return "\n".join(
            ["created_at,desk_hours,tickets", *(line for day in past for line in day), ""]
        ).encode()


def _edge_number(slug: str) -> int:
    return [edge.slug for edge in acme.TRACKED].index(slug)


def _journey_table(
    journeys: Journeys, converted: NDArray[np.bool_], customers: NDArray[np.int64]
) -> pa.Table:
    """Return the attempts as a table; times are wall time of the project's zone."""
    midnight = np.datetime64(acme.DAYS[0], "s") + journeys.day.astype("timedelta64[D]")
    created = midnight + journeys.second.astype("timedelta64[s]")
    names = {
        "edge_slug": ([edge.slug for edge in acme.TRACKED], journeys.edge),
        "channel": ([channel for channel, _ in acme.SLICES], journeys.slice),
        "device": ([device for _, device in acme.SLICES], journeys.slice),
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
            "member": journeys.has_visited(acme.MEMBER_NODE),
            "converted": converted,
        }
    )


def _delivery(table_name: str, day: date, arrived: date, table: pa.Table, replaced: date) -> _Delivery:
    sink = io.BytesIO()
    whole = [name for name in ("user_id", "session_id", "created_at") if name in table.column_names]
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=[f.name for f in table.schema if f.type == pa.string()],
        column_encoding=dict.fromkeys(whole, "DELTA_BINARY_PACKED"),
    )
    return _Delivery(f"{table_name}/day={day}/part-{arrived}.parquet", arrived, replaced, sink.getvalue())


def _write(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
