"""The tables as they are today; the migrations say how they came to be, and a test that both agree."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

__all__ = [
    "APPEND_ONLY",
    "REVISION",
    "api_keys",
    "current_posteriors",
    "definition_texts",
    "definitions",
    "evidence",
    "evidence_reads",
    "evidence_streams",
    "findings",
    "fits",
    "hyperparameters",
    "incident_events",
    "incidents",
    "members",
    "metadata",
    "night_results",
    "outbox",
    "parameters",
    "posteriors",
    "prior_versions",
    "runs",
    "tasks",
    "tenants",
]

REVISION: Final = "0002"
"""The newest migration; numbered so that older and newer can be told apart by order."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_1_name)s",
        "ix": "ix_%(table_name)s_%(column_1_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_Id = BigInteger().with_variant(Integer, "sqlite")


def _tenant() -> Column[str]:
    return Column("tenant", Text, ForeignKey("tenants.tenant"), nullable=False)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _number(name: str, *, null: bool = False) -> Column[float]:
    return Column(name, Double, nullable=null)


def _texts(*names: str) -> tuple[Column[str], ...]:
    return tuple(_text(name) for name in names)


def _numbers(*names: str) -> tuple[Column[float], ...]:
    return tuple(_number(name) for name in names)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _run() -> Column[Any]:
    return Column("run_id", _Id, ForeignKey("runs.id"), nullable=True)


def _parameter() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant", "parameter_id"], ["parameters.tenant", "parameters.parameter_id"])


def _one_of(column: str, *values: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


def _belief() -> tuple[Column[str], ...]:
    """Return the columns of a belief; `numbers` is JSON by name, in the family's order."""
    return _texts("family", "numbers", "origin_kind", "origin_detail")


# Who may do what ------------------------------------------------------------------------------------------

tenants = Table("tenants", metadata, Column("tenant", Text, primary_key=True), _text("created_at"))

members = Table(
    "members",
    metadata,
    _tenant(),
    *_texts("member", "role", "added_at"),
    PrimaryKeyConstraint("tenant", "member"),
    _one_of("role", "viewer", "analyst", "editor", "admin"),
)

api_keys = Table(
    "api_keys",
    metadata,
    *_texts("tenant", "prefix", "member", "sha256", "created_at"),
    _text("expires_at", null=True),
    _text("revoked_at", null=True),
    PrimaryKeyConstraint("tenant", "prefix"),
    ForeignKeyConstraint(["tenant", "member"], ["members.tenant", "members.member"]),
)

# What was declared ----------------------------------------------------------------------------------------

definition_texts = Table(
    "definition_texts",
    metadata,
    _tenant(),
    *_texts("sha256", "text"),
    PrimaryKeyConstraint("tenant", "sha256"),
)

definitions = Table(
    "definitions",
    metadata,
    *_texts("tenant", "path"),
    _count("version"),
    _text("sha256"),
    Column("good", Boolean, nullable=False),
    _text("git_revision", null=True),
    *_texts("seen_at", "wall_at"),
    PrimaryKeyConstraint("tenant", "path", "version"),
    ForeignKeyConstraint(["tenant", "sha256"], ["definition_texts.tenant", "definition_texts.sha256"]),
)

parameters = Table(
    "parameters",
    metadata,
    _tenant(),
    *_texts("parameter_id", "wall_at"),
    PrimaryKeyConstraint("tenant", "parameter_id"),
)

# Who is at work -------------------------------------------------------------------------------------------

runs = Table(
    "runs",
    metadata,
    Column("id", _Id, primary_key=True),
    _tenant(),
    *_texts("run_key", "kind", "as_of", "status", "owner"),
    _count("token"),
    _number("lease_seconds"),
    *_texts("lease_until", "heartbeat_at", "started_at"),
    _text("finished_at", null=True),
    *_texts("plan", "summary"),
    UniqueConstraint("tenant", "run_key", "token"),
    _one_of("status", "running", "ok", "partial", "failed", "cancelled", "abandoned"),
)
Index(
    "uq_runs_one_at_work",
    runs.c.tenant,
    runs.c.run_key,
    unique=True,
    sqlite_where=text("status = 'running'"),
    postgresql_where=text("status = 'running'"),
)

tasks = Table(
    "tasks",
    metadata,
    _tenant(),
    Column("run_id", _Id, ForeignKey("runs.id"), nullable=False),
    _text("name"),
    _count("position"),
    *_texts("payload", "status"),
    _count("attempts"),
    _text("owner", null=True),
    _count("token"),
    _number("lease_seconds"),
    _text("lease_until", null=True),
    _text("heartbeat_at", null=True),
    _text("finished_at", null=True),
    _text("result"),
    PrimaryKeyConstraint("run_id", "name"),
    _one_of("status", "queued", "running", "done", "failed"),
)

# The ledger -----------------------------------------------------------------------------------------------

evidence_streams = Table(
    "evidence_streams",
    metadata,
    Column("id", _Id, primary_key=True),
    *_texts("tenant", "parameter_id", "query_hash", "slice", "age"),
    UniqueConstraint("tenant", "parameter_id", "query_hash", "slice", "age"),
    _parameter(),
)

# Clustered by stream and day: one parameter's month is one short scan, and its bytes are not kept twice.
evidence = Table(
    "evidence",
    metadata,
    Column("stream_id", _Id, ForeignKey("evidence_streams.id"), nullable=False),
    *_texts("first", "stop"),
    _count("version"),
    _text("tenant"),
    *_numbers("size", "total", "squares"),
    _text("seen_at"),
    _text("superseded_at", null=True),
    Column("backfilled", Boolean, nullable=False),
    Column("run_id", _Id, nullable=False),
    _text("wall_at"),
    PrimaryKeyConstraint("stream_id", "first", "stop", "version"),
    CheckConstraint("stop > first", name="window"),
    CheckConstraint("size >= 0", name="size"),
    sqlite_with_rowid=False,
)

evidence_reads = Table(
    "evidence_reads",
    metadata,
    Column("stream_id", _Id, ForeignKey("evidence_streams.id"), nullable=False),
    _text("seen_at"),
    _count("part"),
    *_texts("tenant", "windows", "wall_at"),
    PrimaryKeyConstraint("stream_id", "seen_at", "part"),
    sqlite_with_rowid=False,
)

# What was believed ----------------------------------------------------------------------------------------

prior_versions = Table(
    "prior_versions",
    metadata,
    *_texts("tenant", "parameter_id"),
    _count("version"),
    *_belief(),
    *_numbers("mean", "stdev"),
    _text("reason"),
    _count("root"),
    _text("absorbed_until", null=True),
    *_texts("definition_hash", "seen_at"),
    _run(),
    _text("wall_at"),
    PrimaryKeyConstraint("tenant", "parameter_id", "version"),
    _parameter(),
    _one_of("reason", "declared", "promoted", "rebuilt", "fallback"),
)

hyperparameters = Table(
    "hyperparameters",
    metadata,
    _tenant(),
    *_texts("scope", "name"),
    _count("version"),
    _number("value"),
    _text("seen_at"),
    _run(),
    _text("wall_at"),
    PrimaryKeyConstraint("tenant", "scope", "name", "version"),
)

fits = Table(
    "fits",
    metadata,
    Column("id", _Id, primary_key=True),
    *_texts("tenant", "parameter_id", "as_of", "engine", "rung"),
    Column("passed", Boolean, nullable=False),
    *_texts("failures", "tried", "data_hash", "definition_hash", "inputs_hash", "code_version"),
    Column("seed", BigInteger, nullable=False),
    Column("base_fit", _Id, ForeignKey("fits.id"), nullable=True),
    *_texts("request", "diagnostics", "quantities"),
    _text("artifact", null=True),
    _text("artifact_sha256", null=True),
    _number("seconds"),
    Column("gradients", BigInteger, nullable=False),
    _text("seen_at"),
    _run(),
    _text("wall_at"),
    _parameter(),
    CheckConstraint("(artifact IS NULL) = (artifact_sha256 IS NULL)", name="artifact"),
    Index("ix_fits_parameter", "tenant", "parameter_id", "seen_at"),
)

posteriors = Table(
    "posteriors",
    metadata,
    Column("id", _Id, primary_key=True),
    *_texts("tenant", "parameter_id", "as_of"),
    _count("prior_version"),
    *_belief(),
    *_numbers("mean", "stdev", "lower", "upper", "size", "total", "squares"),
    *_texts("counted_until", "watermark"),
    _number("kappa", null=True),
    _number("half_life_days", null=True),
    *_texts("query_hash", "definition_hash", "inputs_hash", "seen_at"),
    _run(),
    _text("wall_at"),
    ForeignKeyConstraint(
        ["tenant", "parameter_id", "prior_version"],
        ["prior_versions.tenant", "prior_versions.parameter_id", "prior_versions.version"],
    ),
    Column("fit_id", _Id, ForeignKey("fits.id"), nullable=True),
    Index("ix_posteriors_parameter", "tenant", "parameter_id", "seen_at"),
)

current_posteriors = Table(
    "current_posteriors",
    metadata,
    Column("id", _Id, primary_key=True),
    *_texts("tenant", "parameter_id", "published_at"),
    Column("posterior_id", _Id, ForeignKey("posteriors.id"), nullable=False),
    _run(),
    _text("wall_at"),
    _parameter(),
    Index("ix_current_posteriors_parameter", "tenant", "parameter_id", "published_at"),
)

# What each night said -------------------------------------------------------------------------------------

night_results = Table(
    "night_results",
    metadata,
    *_texts("tenant", "parameter_id", "as_of", "outcome", "light", "detail", "remedy", "verdict"),
    _text("read_at", null=True),
    *_numbers("loaded", "counted", "late_not_counted", "quarantined"),
    _count("failures"),
    Column("posterior_id", _Id, ForeignKey("posteriors.id"), nullable=True),
    _text("computed_at", null=True),
    _run(),
    _text("wall_at"),
    PrimaryKeyConstraint("tenant", "parameter_id", "as_of"),
    _parameter(),
    Index("ix_night_results_computed", "tenant", "parameter_id", "computed_at"),
)

findings = Table(
    "findings",
    metadata,
    *_texts(
        "tenant", "parameter_id", "as_of", "check_name", "subject", "light", "message", "remedy", "figures"
    ),
    _text("withdrawn_at", null=True),
    _run(),
    _text("wall_at"),
    PrimaryKeyConstraint("tenant", "parameter_id", "as_of", "check_name", "subject"),
    _parameter(),
    Index("ix_findings_as_of", "tenant", "as_of"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", _Id, primary_key=True),
    *_texts("tenant", "parameter_id", "kind", "opened_on"),
    _text("since", null=True),
    *_texts("state", "opened_at", "seen_at"),
    _text("acked_at", null=True),
    *_texts("acked_by", "note"),
    _text("resolved_on", null=True),
    _text("resolved_at", null=True),
    *_texts("figures", "message"),
    _run(),
    _text("wall_at"),
    UniqueConstraint("tenant", "parameter_id", "kind", "opened_on"),
    _parameter(),
    _one_of("state", "open", "ack", "resolved"),
)

incident_events = Table(
    "incident_events",
    metadata,
    Column("id", _Id, primary_key=True),
    _tenant(),
    Column("incident_id", _Id, ForeignKey("incidents.id"), nullable=False),
    *_texts("at", "what"),
    _text("night", null=True),
    *_texts("who", "note"),
    _run(),
    _text("wall_at"),
    _one_of("what", "opened", "ack", "resolved", "reopened"),
    Index("ix_incident_events_incident", "incident_id", "at", "id"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _Id, primary_key=True),
    _tenant(),
    *_texts("idempotency_key", "channel", "payload", "parameter_id", "created_at", "status"),
    _count("attempts"),
    _text("next_attempt_at", null=True),
    _text("owner", null=True),
    _text("lease_until", null=True),
    _text("last_error"),
    _text("delivered_at", null=True),
    _run(),
    _text("wall_at"),
    UniqueConstraint("tenant", "idempotency_key"),
    _one_of("status", "pending", "delivered", "failed"),
    Index("ix_outbox_status", "tenant", "status", "id"),
)

APPEND_ONLY: Final = {
    "definitions": (),
    "definition_texts": (),
    "evidence": ("superseded_at",),
    "evidence_reads": (),
    "evidence_streams": (),
    "prior_versions": (),
    "hyperparameters": (),
    "posteriors": (),
    "current_posteriors": (),
    "fits": (),
    "incident_events": (),
}
"""Tables whose rows stay as they were written, with the columns that may still be set later."""
