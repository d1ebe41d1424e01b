"""The first schema, whole: tenants, definitions, runs, the ledger, beliefs, nights and the outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

APPEND_ONLY = {
    "definitions": (),
    "definition_texts": (),
    "evidence": ("superseded_at",),
    "evidence_reads": (),
    "evidence_streams": (),
    "prior_versions": (),
    "hyperparameters": (),
    "posteriors": (),
    "current_posteriors": (),
}

PARAMETER_VALUES = """
CREATE VIEW parameter_values AS
SELECT parameter_id AS param_id, seen_at AS timestamp, mean, stdev,
       CASE reason WHEN 'fallback' THEN 'fallback' ELSE origin_kind END AS source, tenant
FROM prior_versions
WHERE reason IN ('declared', 'fallback')
UNION ALL
SELECT c.parameter_id, c.published_at, p.mean, p.stdev, 'posterior', c.tenant
FROM current_posteriors AS c JOIN posteriors AS p ON p.id = c.posterior_id
"""

REFUSE_ON_POSTGRESQL = """
CREATE FUNCTION evenfall_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the table % is append-only', TG_TABLE_NAME; END $$
"""


def upgrade() -> None:
    """Create every table, the view people read, and the triggers that keep history as it was written."""
    _create_people()
    _create_declarations()
    _create_work()
    _create_ledger()
    _create_priors()
    _create_posteriors()
    _create_nights()
    op.execute(PARAMETER_VALUES)
    _create_triggers()


def _create_triggers() -> None:
    """Refuse every change of a written row but of the columns listed; inserts pass no trigger."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        op.execute(REFUSE_ON_POSTGRESQL)
    for table, free in APPEND_ONLY.items():
        columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
        fixed = ", ".join(column for column in columns if column not in free)
        for event, name in ((f"UPDATE OF {fixed}", "update"), ("DELETE", "delete")):
            head = f"CREATE TRIGGER {table}_no_{name} BEFORE {event} ON {table} FOR EACH ROW"
            body = (
                "EXECUTE FUNCTION evenfall_append_only()"
                if postgresql
                else f"BEGIN SELECT RAISE(ABORT, 'the table {table} is append-only'); END"
            )
            op.execute(f"{head} {body}")


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _number(name: str, *, null: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), nullable=null)


def _texts(*names: str) -> tuple[sa.Column[str], ...]:
    return tuple(_text(name) for name in names)


def _numbers(*names: str) -> tuple[sa.Column[float], ...]:
    return tuple(_number(name) for name in names)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _key(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, Id, nullable=null)


def _create_people() -> None:
    op.create_table(
        "tenants",
        *_texts("tenant", "created_at"),
        sa.PrimaryKeyConstraint("tenant", name="pk_tenants"),
    )
    op.create_table(
        "members",
        *_texts("tenant", "member", "role", "added_at"),
        sa.CheckConstraint("role IN ('viewer', 'analyst', 'editor', 'admin')", name="ck_members_role"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], name="fk_members_tenant"),
        sa.PrimaryKeyConstraint("tenant", "member", name="pk_members"),
    )
    op.create_table(
        "api_keys",
        *_texts("tenant", "prefix", "member", "sha256", "created_at"),
        _text("expires_at", null=True),
        _text("revoked_at", null=True),
        sa.ForeignKeyConstraint(
            ["tenant", "member"], ["members.tenant", "members.member"], name="fk_api_keys_tenant"
        ),
        sa.PrimaryKeyConstraint("tenant", "prefix", name="pk_api_keys"),
    )


def _create_declarations() -> None:
    op.create_table(
        "definition_texts",
        *_texts("tenant", "sha256", "text"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], name="fk_definition_texts_tenant"),
        sa.PrimaryKeyConstraint("tenant", "sha256", name="pk_definition_texts"),
    )
    op.create_table(
        "parameters",
        *_texts("tenant", "parameter_id", "wall_at"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], name="fk_parameters_tenant"),
        sa.PrimaryKeyConstraint("tenant", "parameter_id", name="pk_parameters"),
    )
    op.create_table(
        "definitions",
        *_texts("tenant", "path"),
        _count("version"),
        _text("sha256"),
        _flag("good"),
        _text("git_revision", null=True),
        *_texts("seen_at", "wall_at"),
        sa.ForeignKeyConstraint(
            ["tenant", "sha256"],
            ["definition_texts.tenant", "definition_texts.sha256"],
            name="fk_definitions_tenant",
        ),
        sa.PrimaryKeyConstraint("tenant", "path", "version", name="pk_definitions"),
    )


def _create_work() -> None:
    op.create_table(
        "runs",
        _key("id"),
        *_texts("tenant", "run_key", "kind", "as_of", "status", "owner"),
        _count("token"),
        _number("lease_seconds"),
        *_texts("lease_until", "heartbeat_at", "started_at"),
        _text("finished_at", null=True),
        *_texts("plan", "summary"),
        sa.CheckConstraint(
            "status IN ('running', 'ok', 'partial', 'failed', 'cancelled', 'abandoned')",
            name="ck_runs_status",
        ),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], name="fk_runs_tenant"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("tenant", "run_key", "token", name="uq_runs_run_key"),
    )
    op.create_index(
        "uq_runs_one_at_work",
        "runs",
        ["tenant", "run_key"],
        unique=True,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_table(
        "tasks",
        _text("tenant"),
        _key("run_id"),
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
        sa.CheckConstraint("status IN ('queued', 'running', 'done', 'failed')", name="ck_tasks_status"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_tasks_run_id"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], name="fk_tasks_tenant"),
        sa.PrimaryKeyConstraint("run_id", "name", name="pk_tasks"),
    )


def _create_ledger() -> None:
    op.create_table(
        "evidence_streams",
        _key("id"),
        *_texts("tenant", "parameter_id", "query_hash", "slice", "age"),
        sa.ForeignKeyConstraint(
            ["tenant", "parameter_id"],
            ["parameters.tenant", "parameters.parameter_id"],
            name="fk_evidence_streams_tenant",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_evidence_streams"),
        sa.UniqueConstraint(
            "tenant", "parameter_id", "query_hash", "slice", "age", name="uq_evidence_streams_parameter_id"
        ),
    )
    op.create_table(
        "evidence",
        _key("stream_id"),
        *_texts("first", "stop"),
        _count("version"),
        _text("tenant"),
        *_numbers("size", "total", "squares"),
        _text("seen_at"),
        _text("superseded_at", null=True),
        _flag("backfilled"),
        _key("run_id"),
        _text("wall_at"),
        sa.CheckConstraint("size >= 0", name="ck_evidence_size"),
        sa.CheckConstraint("stop > first", name="ck_evidence_window"),
        sa.ForeignKeyConstraint(["stream_id"], ["evidence_streams.id"], name="fk_evidence_stream_id"),
        sa.PrimaryKeyConstraint("stream_id", "first", "stop", "version", name="pk_evidence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "evidence_reads",
        _key("stream_id"),
        _text("seen_at"),
        _count("part"),
        *_texts("tenant", "windows", "wall_at"),
        sa.ForeignKeyConstraint(["stream_id"], ["evidence_streams.id"], name="fk_evidence_reads_stream_id"),
        sa.PrimaryKeyConstraint("stream_id", "seen_at", "part", name="pk_evidence_reads"),
        sqlite_with_rowid=False,
    )


def _create_priors() -> None:
    op.create_table(
        "prior_versions",
        *_texts("tenant", "parameter_id"),
        _count("version"),
        *_texts("family", "numbers", "origin_kind", "origin_detail"),
        *_numbers("mean", "stdev"),
        _text("reason"),
        _count("root"),
        _text("absorbed_until", null=True),
        *_texts("definition_hash", "seen_at"),
        _key("run_id", null=True),
        _text("wall_at"),
        sa.CheckConstraint(
            "reason IN ('declared', 'promoted', 'rebuilt', 'fallback')", name="ck_prior_versions_reason"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_prior_versions_run_id"),
        sa.ForeignKeyConstraint(
            ["tenant", "parameter_id"],
            ["parameters.tenant", "parameters.parameter_id"],
            name="fk_prior_versions_tenant",
        ),
        sa.PrimaryKeyConstraint("tenant", "parameter_id", "version", name="pk_prior_versions"),
    )
    op.create_table(
        "hyperparameters",
        *_texts("tenant", "scope", "name"),
        _count("version"),
        _number("value"),
        _text("seen_at"),
        _key("run_id", null=True),
        _text("wall_at"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_hyperparameters_run_id"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], name="fk_hyperparameters_tenant"),
        sa.PrimaryKeyConstraint("tenant", "scope", "name", "version", name="pk_hyperparameters"),
    )


def _create_posteriors() -> None:
    op.create_table(
        "posteriors",
        _key("id"),
        *_texts("tenant", "parameter_id", "as_of"),
        _count("prior_version"),
        *_texts("family", "numbers", "origin_kind", "origin_detail"),
        *_numbers("mean", "stdev", "lower", "upper", "size", "total", "squares"),
        *_texts("counted_until", "watermark"),
        _number("kappa", null=True),
        _number("half_life_days", null=True),
        *_texts("query_hash", "definition_hash", "inputs_hash", "seen_at"),
        _key("run_id", null=True),
        _text("wall_at"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_posteriors_run_id"),
        sa.ForeignKeyConstraint(
            ["tenant", "parameter_id", "prior_version"],
            ["prior_versions.tenant", "prior_versions.parameter_id", "prior_versions.version"],
            name="fk_posteriors_tenant",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_posteriors"),
    )
    op.create_index(
        "ix_posteriors_parameter", "posteriors", ["tenant", "parameter_id", "seen_at"], unique=False
    )
    op.create_table(
        "current_posteriors",
        _key("id"),
        *_texts("tenant", "parameter_id", "published_at"),
        _key("posterior_id"),
        _key("run_id", null=True),
        _text("wall_at"),
        sa.ForeignKeyConstraint(
            ["posterior_id"], ["posteriors.id"], name="fk_current_posteriors_posterior_id"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_current_posteriors_run_id"),
        sa.ForeignKeyConstraint(
            ["tenant", "parameter_id"],
            ["parameters.tenant", "parameters.parameter_id"],
            name="fk_current_posteriors_tenant",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_current_posteriors"),
    )
    op.create_index(
        "ix_current_posteriors_parameter",
        "current_posteriors",
        ["tenant", "parameter_id", "published_at"],
        unique=False,
    )


def _create_nights() -> None:
    op.create_table(
        "night_results",
        *_texts("tenant", "parameter_id", "as_of", "outcome", "light", "detail", "remedy", "verdict"),
        _text("read_at", null=True),
        *_numbers("loaded", "counted", "late_not_counted", "quarantined"),
        _count("failures"),
        _key("posterior_id", null=True),
        _text("computed_at", null=True),
        _key("run_id", null=True),
        _text("wall_at"),
        sa.ForeignKeyConstraint(["posterior_id"], ["posteriors.id"], name="fk_night_results_posterior_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_night_results_run_id"),
        sa.ForeignKeyConstraint(
            ["tenant", "parameter_id"],
            ["parameters.tenant", "parameters.parameter_id"],
            name="fk_night_results_tenant",
        ),
        sa.PrimaryKeyConstraint("tenant", "parameter_id", "as_of", name="pk_night_results"),
    )
    op.create_index(
        "ix_night_results_computed", "night_results", ["tenant", "parameter_id", "computed_at"], unique=False
    )
    op.create_table(
        "findings",
        *_texts(
            "tenant",
            "parameter_id",
            "as_of",
            "check_name",
            "subject",
            "light",
            "message",
            "remedy",
            "figures",
        ),
        _text("withdrawn_at", null=True),
        _key("run_id", null=True),
        _text("wall_at"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_findings_run_id"),
        sa.ForeignKeyConstraint(
            ["tenant", "parameter_id"],
            ["parameters.tenant", "parameters.parameter_id"],
            name="fk_findings_tenant",
        ),
        sa.PrimaryKeyConstraint(
            "tenant", "parameter_id", "as_of", "check_name", "subject", name="pk_findings"
        ),
    )
    op.create_index("ix_findings_as_of", "findings", ["tenant", "as_of"], unique=False)
    op.create_table(
        "outbox",
        _key("id"),
        *_texts("tenant", "idempotency_key", "channel", "payload", "parameter_id", "created_at", "status"),
        _count("attempts"),
        _text("next_attempt_at", null=True),
        _text("owner", null=True),
        _text("lease_until", null=True),
        _text("last_error"),
        _text("delivered_at", null=True),
        _key("run_id", null=True),
        _text("wall_at"),
        sa.CheckConstraint("status IN ('pending', 'delivered', 'failed')", name="ck_outbox_status"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_outbox_run_id"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], name="fk_outbox_tenant"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("tenant", "idempotency_key", name="uq_outbox_idempotency_key"),
    )
    op.create_index("ix_outbox_status", "outbox", ["tenant", "status", "id"], unique=False)
