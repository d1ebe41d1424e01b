"""The values that go into and come out of the store; plain, frozen, without a database behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from evenfall.beliefs.belief import Belief
from evenfall.errors import EvenfallError
from evenfall.findings import Finding, Light
from evenfall.store.fit_records import FitRecord
from evenfall.store.incident_records import IncidentEvent, IncidentRecord
from evenfall.window import DayWindow

__all__ = [
    "Arrival",
    "CommitReport",
    "Definition",
    "EvidenceRow",
    "EvidenceSpan",
    "FitRecord",
    "Hyperparameter",
    "IncidentEvent",
    "IncidentRecord",
    "Lease",
    "Message",
    "NightResult",
    "PosteriorRecord",
    "PriorVersion",
    "QueuedMessage",
    "Record",
    "RunAttempt",
    "Task",
]


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of one definition file as it was seen.

    Attributes
    ----------
    path
        File name relative to the project's root.
    sha256
        Of the text; a text seen before is not written again.
    text
        The whole file.
    good
        Whether it was accepted; the newest good text of a path is what a broken file falls back on.
    git_revision
        Commit of the project when it was seen, when it is kept in Git.
    """

    path: str
    sha256: str
    text: str
    good: bool
    git_revision: str | None = None


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """The sums of one interval as one read of a source gave them.

    A later read of the same interval replaces the row from its `seen_at` on; the older row stays for as-of
    queries.

    Attributes
    ----------
    slice
        Which part of the parameter's evidence: empty for the whole.
    age
        ``final``; or ``0``, ``1``, … for an age cell of a cohort: then the window is the one day its people
        entered, `size` how many they were, and `total` how many converted in that cell alone. A cell is
        written once everybody of the cohort has lived through it.
    query_hash
        Identity of the query that produced the row; only rows of the parameter's current query count.
    seen_at
        Logical instant (aware, UTC) of the night that read it.
    version
        1, 2, … per window in the order of writing, given by the store.
    backfilled
        Whether a backfill read it; then `seen_at` says nothing of how late the data arrived.
    wall_at
        Instant it was written, given by the store; None before.
    """

    parameter_id: str
    window: DayWindow
    size: float
    total: float
    squares: float
    query_hash: str
    seen_at: datetime
    slice: str = ""
    age: str = "final"
    version: int = 1
    backfilled: bool = False
    wall_at: datetime | None = None


class EvidenceSpan(NamedTuple):
    """The days the ledger holds of one query of a parameter: `days` of them, from `first` to `stop`."""

    query_hash: str
    first: date
    stop: date
    days: int


class Arrival(NamedTuple):
    """By how much the sizes of all windows that end at `stop` changed when read at `seen_at`.

    `added` is the sum over windows of the absolute difference from the reading before, the first one being
    the whole size; the arrival delay is learned from these.
    """

    stop: date
    seen_at: datetime
    added: float


@dataclass(frozen=True, slots=True)
class PriorVersion:
    """One version of what was believed before the evidence.

    Attributes
    ----------
    version
        1, 2, … per parameter, given by the store when it is saved (0 before).
    reason
        ``declared`` (a root: numbers from outside), ``promoted`` (an accepted posterior), ``rebuilt`` (a
        promoted version recomputed because days it had absorbed were restated), ``fallback`` (a root used for
        want of a source).
    root
        Version number of the root this one descends from; its own number (or 0 before saving) for a root.
    absorbed_until
        The first day whose evidence is NOT yet in these numbers; None for a belief older than the ledger.
    """

    parameter_id: str
    version: int
    belief: Belief
    mean: float
    stdev: float
    reason: str
    root: int
    absorbed_until: date | None
    definition_hash: str
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One version of a number learned from the ledger that posteriors depend on.

    `name` is kappa, half_life_days or arrival_delay_days; `scope` the parameter id, or ``*`` for the project.
    """

    scope: str
    name: str
    value: float
    seen_at: datetime
    version: int = 0


@dataclass(frozen=True, slots=True)
class PosteriorRecord:
    """One posterior with everything it is a function of.

    Attributes
    ----------
    as_of
        The night it was computed for.
    counted_until
        First day not counted: the evidence covers days before it.
    watermark
        First day that is not yet closed; days from it on may still change.
    inputs_hash
        Of prior version, evidence rows, definition and hyperparameters; a posterior whose inputs are those of
        the newest stored one is not written again.
    lower, upper
        Equal-tailed 95 % interval.
    sums
        (size, total, squares) of the evidence counted.
    fit_id
        The fit it stands on; None for an exact update. None beside a fit that passed, in one record, means
        that fit.
    id, wall_at
        Number in the store and wall time at which it was written, given by the store.
    """

    parameter_id: str
    as_of: date
    prior_version: int
    belief: Belief
    mean: float
    stdev: float
    lower: float
    upper: float
    sums: tuple[float, float, float]
    counted_until: date
    watermark: date
    kappa: float | None
    half_life_days: float | None
    query_hash: str
    definition_hash: str
    inputs_hash: str
    seen_at: datetime
    id: int = 0
    wall_at: datetime | None = None
    fit_id: int | None = None


@dataclass(frozen=True, slots=True)
class NightResult:
    """What one night said of one parameter; there is one per parameter and night.

    Attributes
    ----------
    outcome
        ``updated``, ``checked`` (computed, not yet due to become current) or a reason code.
    light
        The worse of the belief and the drift check, or grey or stale.
    verdict
        Figures of the checks by name (JSON-ready): sigma kinds, expected, observed, n, direction, …
    read_at
        Logical instant of the last successful read of its source.
    loaded, counted, late_not_counted, quarantined
        Trials over the days read; the first is the sum of the other three.
    failures
        Nights in a row that failed, for the back-off of poison parameters.
    """

    parameter_id: str
    as_of: date
    outcome: str
    light: Light
    detail: str = ""
    remedy: str = ""
    verdict: Mapping[str, object] = field(default_factory=dict)
    read_at: datetime | None = None
    loaded: float = 0
    counted: float = 0
    late_not_counted: float = 0
    quarantined: float = 0
    failures: int = 0
    posterior_id: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell the outside world, written in the transaction of the fact it tells.

    `idempotency_key` is unique: the same fact is never queued twice. `channel` says who delivers it (sheets,
    sql, webhook, slack, email, pagerduty); `payload` is JSON-ready and holds no secret.
    """

    idempotency_key: str
    channel: str
    payload: Mapping[str, object]
    parameter_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """Everything one night keeps of one parameter; saved whole or not at all."""

    parameter_id: str
    result: NightResult
    evidence: tuple[EvidenceRow, ...] = ()
    priors: tuple[PriorVersion, ...] = ()
    hyperparameters: tuple[Hyperparameter, ...] = ()
    posterior: PosteriorRecord | None = None
    publish: bool = False
    findings: tuple[Finding, ...] = ()
    messages: tuple[Message, ...] = ()
    fit: FitRecord | None = None
    incidents: tuple[IncidentRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one owner to write for one run, until somebody takes it over.

    Attributes
    ----------
    token
        Fencing token: each attempt at a run key has a higher one, and only the highest may write.
    owner
        ``host:pid:start`` of the process, with anything the caller appends after another colon.
    expires_at
        Wall time from which others may take the run over without asking whether the owner lives.
    task, task_token
        The task this lease is for and its own fencing token; None and 0 for a lease on the whole run.
    """

    run_id: int
    run_key: str
    token: int
    owner: str
    expires_at: datetime
    task: str | None = None
    task_token: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of a run, claimed: its name, what to do (JSON-ready), and the lease to do it under."""

    name: str
    payload: Mapping[str, object]
    attempt: int
    lease: Lease


@dataclass(frozen=True, slots=True)
class RunAttempt:
    """One attempt at a run.

    `status` is running, ok, partial, failed, cancelled or abandoned; the times are wall time.
    """

    run_id: int
    run_key: str
    kind: str
    as_of: date
    status: str
    owner: str
    token: int
    started_at: datetime
    heartbeat_at: datetime
    finished_at: datetime | None
    plan: str
    summary: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message in the outbox and how its delivery goes; `status` is pending, delivered or failed."""

    id: int
    message: Message
    status: str
    attempts: int
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class CommitReport:
    """What one commit did.

    Attributes
    ----------
    written
        New rows by table; tables without one are absent.
    failed
        Per parameter whose record was refused, why; nothing of such a record was written.
    """

    written: Mapping[str, int]
    failed: Mapping[str, EvenfallError] = field(default_factory=dict)
