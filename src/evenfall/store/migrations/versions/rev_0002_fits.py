"""Fits and what their gate said of them, and incidents with everything that happened to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

APPEND_ONLY = ("posteriors", "fits", "incident_events")
"""Tables that get their triggers here; that of the posteriors is made anew, to cover the new column."""


def upgrade() -> None:
    """Create the tables, let a posterior name its fit, and keep what was written as it was."""
    _create_fits()
    _create_incidents()
    _let_posteriors_name_fits()
    _create_triggers()


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _texts(*names: str) -> tuple[sa.Column[str], ...]:
    return tuple(_text(name) for name in names)


def _key(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, Id, nullable=null)


def _parameter(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant", "parameter_id"],
        ["parameters.tenant", "parameters.parameter_id"],
        name=f"fk_{table}_tenant",
    )


def _create_fits() -> None:
    op.create_table(
        "fits",
        _key("id"),
        *_texts("tenant", "parameter_id", "as_of", "engine", "rung"),
        sa.Column("passed", sa.Boolean(), nullable=False),
        *_texts("failures", "tried", "data_hash", "definition_hash", "inputs_hash", "code_version"),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        _key("base_fit", null=True),
        *_texts("request", "diagnostics", "quantities"),
        _text("artifact", null=True),
        _text("artifact_sha256", null=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("gradients", sa.BigInteger(), nullable=False),
        _text("seen_at"),
        _key("run_id", null=True),
        _text("wall_at"),
        sa.CheckConstraint("(artifact IS NULL) = (artifact_sha256 IS NULL)", name="ck_fits_artifact"),
        sa.ForeignKeyConstraint(["base_fit"], ["fits.id"], name="fk_fits_base_fit"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_fits_run_id"),
        _parameter("fits"),
        sa.PrimaryKeyConstraint("id", name="pk_fits"),
    )
    op.create_index("ix_fits_parameter", "fits", ["tenant", "parameter_id", "seen_at"], unique=False)


def _create_incidents() -> None:
    op.create_table(
        "incidents",
        _key("id"),
        *_texts("tenant", "parameter_id", "kind", "opened_on"),
        _text("since", null=True),
        *_texts("state", "opened_at", "seen_at"),
        _text("acked_at", null=True),
        *_texts("acked_by", "note"),
        _text("resolved_on", null=True),
        _text("resolved_at", null=True),
        *_texts("figures", "message"),
        _key("run_id", null=True),
        _text("wall_at"),
        sa.CheckConstraint("state IN ('open', 'ack', 'resolved')", name="ck_incidents_state"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_incidents_run_id"),
        _parameter("incidents"),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
        sa.UniqueConstraint("tenant", "parameter_id", "kind", "opened_on", name="uq_incidents_parameter_id"),
    )
    op.create_table(
        "incident_events",
        _key("id"),
        _text("tenant"),
        _key("incident_id"),
        *_texts("at", "what"),
        _text("night", null=True),
        *_texts("who", "note"),
        _key("run_id", null=True),
        _text("wall_at"),
        sa.CheckConstraint(
            "what IN ('opened', 'ack', 'resolved', 'reopened')", name="ck_incident_events_what"
        ),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_incident_events_incident_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_incident_events_run_id"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], name="fk_incident_events_tenant"),
        sa.PrimaryKeyConstraint("id", name="pk_incident_events"),
    )
    op.create_index(
        "ix_incident_events_incident", "incident_events", ["incident_id", "at", "id"], unique=False
    )


def _let_posteriors_name_fits() -> None:
    """Add the column in one statement: SQLite takes a foreign key with a new column, but not after it."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    kind = "BIGINT" if postgresql else "INTEGER"
    op.execute(
        f"ALTER TABLE posteriors ADD COLUMN fit_id {kind} "
        "CONSTRAINT fk_posteriors_fit_id REFERENCES fits (id)"
    )
    for name in ("posteriors_no_update", "posteriors_no_delete"):
        op.execute(f"DROP TRIGGER {name}{' ON posteriors' if postgresql else ''}")


def _create_triggers() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in APPEND_ONLY:
        for event in ("UPDATE", "DELETE"):
            head = f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} FOR EACH ROW"
            body = (
                "EXECUTE FUNCTION evenfall_append_only()"
                if postgresql
                else f"BEGIN SELECT RAISE(ABORT, 'the table {table} is append-only'); END"
            )
            op.execute(f"{head} {body}")
