"""Priors from a table, and the one history query that names a parameter."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.observations import Skipped
from evenfall.clock import Night
from evenfall.connectors.priors import fetch_prior, history_subject
from evenfall.connectors.warehouses import open_warehouse
from evenfall.errors import InfeasibleBelief, QueryRefused, SourceRejected, UsageError
from evenfall.registry.files import load
from evenfall.registry.parameter import Parameter
from evenfall.registry.registry import Registry

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Night(date(2025, 10, 31), BERLIN)
Define = Callable[[str], tuple[Parameter, Registry]]


@pytest.fixture
def define(tmp_path: Path) -> Define:
    """Return a reader of one parameter in a project with a SQLite table of priors."""
    connection = sqlite3.connect(tmp_path / "beliefs.db")
    connection.executescript(
        """
        CREATE TABLE priors (id TEXT, mean REAL, stdev REAL, alpha REAL, beta REAL, at TEXT);
        INSERT INTO priors VALUES ('a', 0.32, 0.06, 8, 17, '2025-10-01');
        INSERT INTO priors VALUES ('b', 0.5, 0.5, NULL, NULL, '2025-10-02');
        INSERT INTO priors VALUES ('c', NULL, NULL, NULL, NULL, '2025-10-03');
        INSERT INTO priors VALUES ('d', 'high', 0.1, NULL, NULL, '2026-01-01');
        """
    )
    connection.close()
    (tmp_path / "evenfall.toml").write_text(
        'zone = "Europe/Berlin"\n[connections.beliefs]\ntype = "sqlite"\npath = "beliefs.db"\n'
    )
    (tmp_path / "parameters").mkdir()

    def read(text: str) -> tuple[Parameter, Registry]:
        (tmp_path / "parameters" / "one.yaml").write_text(text)
        registry = load(tmp_path)
        assert registry.problems == (), [str(problem) for problem in registry.problems]
        return registry.parameters["p"], registry

    return read


def fetched(defined: tuple[Parameter, Registry]) -> Belief | Skipped:
    parameter, registry = defined
    with _opened(registry) as warehouse:
        return fetch_prior(parameter, warehouse, NIGHT)


def _opened(registry: Registry):  # type: ignore[no-untyped-def]
    return open_warehouse(registry.settings.connections["beliefs"], registry.settings, registry.root)


def sql(query: str, more: str = "") -> str:
    return f'id: p\nprior_source:\n  type: sql\n  connection: beliefs\n  query: "{query}"\n{more}'


def test_native_numbers_become_the_belief(define: Define) -> None:
    belief = fetched(define(sql("SELECT alpha, beta FROM priors WHERE id = 'a'")))
    assert isinstance(belief, Belief)
    assert (belief.family, belief.theta) == ("beta", (8.0, 17.0))
    assert str(belief.origin) == "sql (beliefs)"


def test_mean_and_stdev_become_the_belief_by_moments(define: Define) -> None:
    belief = fetched(define(sql("SELECT mean AS MEAN, stdev AS Stdev FROM priors WHERE id = 'a'")))
    assert isinstance(belief, Belief)
    # Moments of the beta distribution: nu = m(1-m)/s^2 - 1, alpha = m nu, beta = (1-m) nu.
    nu = 0.32 * 0.68 / 0.06**2 - 1
    assert belief.theta == pytest.approx((0.32 * nu, 0.68 * nu))


def test_times_of_a_prior_query_are_on_the_logical_clock(define: Define) -> None:
    more = "  parameters: {since: \"NOW() - INTERVAL '31 days'\"}\n"
    query = (
        "SELECT alpha, beta FROM priors WHERE at >= :since AND at < NOW() AND at < :as_of ORDER BY at LIMIT 1"
    )
    belief = fetched(define(sql(query, more)))
    assert isinstance(belief, Belief)
    assert belief.theta == (8.0, 17.0)


@pytest.mark.parametrize("where", ["id = 'nobody'", "id = 'c'"])
def test_no_row_and_a_row_of_nulls_are_no_data(define: Define, where: str) -> None:
    skipped = fetched(define(sql(f"SELECT mean, stdev FROM priors WHERE {where}")))
    assert isinstance(skipped, Skipped)
    assert skipped.reason == "no_data"


def test_several_rows_are_rejected(define: Define) -> None:
    with pytest.raises(SourceRejected, match="returned 4 rows"):
        fetched(define(sql("SELECT mean, stdev FROM priors")))


def test_columns_of_other_names_are_rejected_and_named(define: Define) -> None:
    with pytest.raises(SourceRejected, match="returned average") as refused:
        fetched(define(sql("SELECT mean AS average FROM priors WHERE id = 'a'")))
    assert "mean and stdev" in refused.value.remedy


def test_a_prior_that_is_no_number_is_rejected(define: Define) -> None:
    with pytest.raises(SourceRejected, match="mean is 'high'"):
        fetched(define(sql("SELECT mean, stdev FROM priors WHERE id = 'd'")))


def test_an_impossible_prior_is_infeasible(define: Define) -> None:
    with pytest.raises(InfeasibleBelief):
        fetched(define(sql("SELECT mean, stdev FROM priors WHERE id = 'b'")))


@pytest.mark.parametrize(
    "query", ["DELETE FROM priors", "SELECT * FROM sqlite_master", "SELECT :who FROM priors"]
)
def test_a_prior_query_is_guarded_like_any_other(define: Define, query: str) -> None:
    with pytest.raises(QueryRefused):
        fetched(define(sql(query)))


def test_a_window_bind_in_a_prior_query_is_refused(define: Define) -> None:
    with pytest.raises(QueryRefused, match="nothing fills :start_date"):
        fetched(define(sql("SELECT mean, stdev FROM priors WHERE at >= :start_date")))


def test_the_noise_the_file_declares_completes_a_table_of_means(define: Define) -> None:
    more = "type: mean\nbayesian_update: {prior: {distribution: normal, mu: 1, sigma: 1, noise_sigma: 2}}\n"
    belief = fetched(define(sql("SELECT 30.0 AS mean, 3.0 AS stdev FROM priors WHERE id = 'a'", more)))
    assert isinstance(belief, Belief)
    assert belief.numbers == {"mu": 30.0, "sigma": 3.0, "noise_sigma": 2.0}


def test_a_parameter_without_a_sql_prior_cannot_be_asked(define: Define) -> None:
    with pytest.raises(UsageError):
        fetched(define("id: p\nvalue: {mean: 0.3, stdev: 0.05}\n"))


def history(query: str | None) -> str:
    written = f'  query: "{query}"\n' if query else ""
    return f"id: p\nvalue: {{mean: 0.3, stdev: 0.05}}\nprior_source:\n  type: posterior_history\n{written}"


@pytest.mark.parametrize(
    ("query", "subject"),
    [
        (None, "p"),
        (
            "SELECT mean, stdev FROM posteriors WHERE param_id='signup-a' ORDER BY timestamp DESC LIMIT 1",
            "signup-a",
        ),
        (
            "select mean , stdev from posteriors where param_id = 'x''y' order by timestamp desc limit 1;",
            "x'y",
        ),
    ],
)
def test_a_history_is_the_parameters_own_or_the_one_it_names(
    define: Define, query: str | None, subject: str
) -> None:
    assert history_subject(define(history(query))[0]) == subject


@pytest.mark.parametrize(
    "query",
    [
        "SELECT mean, stdev FROM posteriors",
        "SELECT mean, stdev FROM posteriors WHERE param_id='a' OR '1'='1' ORDER BY timestamp DESC LIMIT 1",
        "SELECT mean, stdev FROM posteriors WHERE param_id='a' ORDER BY timestamp DESC LIMIT 2",
        "SELECT mean, stdev FROM secrets WHERE param_id='a' ORDER BY timestamp DESC LIMIT 1",
        "DELETE FROM posteriors",
    ],
)
def test_any_other_history_query_is_refused_with_the_form_that_works(define: Define, query: str) -> None:
    parameter, _ = define(history(query))
    with pytest.raises(QueryRefused) as refused:
        history_subject(parameter)
    assert "WHERE param_id" in refused.value.remedy


def test_warehouses_of_a_project_are_found_by_name(define: Define) -> None:
    _, registry = define(sql("SELECT mean, stdev FROM priors"))
    with _opened(registry) as warehouse:
        assert warehouse.tables == {"priors"}
