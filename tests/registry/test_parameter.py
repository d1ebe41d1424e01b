"""Defaults of a parameter, and the beliefs its file states."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from evenfall.registry.parameter import Parameter
from evenfall.registry.schemas import QueryObservations

from .conftest import Load

VALUED = "id: p\nvalue: {mean: 0.3, stdev: 0.06}\n"


def parameter(load_files: Load, text: str) -> Parameter:
    registry = load_files({"parameters/p.yaml": text})
    assert registry.problems == ()
    return registry.parameter("p")


def numbers(found: Parameter) -> tuple[str, dict[str, float], date | None]:
    prior = found.declared_prior()
    assert prior is not None
    return prior[0].family, dict(prior[0].numbers), prior[1]


def test_the_least_definition_gets_every_default(load_files: Load) -> None:
    found = parameter(load_files, VALUED)
    assert (found.name, found.type, found.distribution) == ("p", "probability", "beta")
    assert (found.min_sample_size, found.check_min_sample_size, found.divergence_threshold) == (100, 100, 2.0)
    assert (found.refresh_frequency, found.write_frequency) == (timedelta(days=1), timedelta(days=7))
    assert (found.update_rule, found.half_life_days, found.kappa) == ("conjugate", None, None)
    assert (found.alerts, found.destinations, found.fallback()) == ((), (), None)
    assert found.context_filter == {}
    assert found.locate() == ("parameters/p.yaml", 1, 1)
    assert found.locate("value.stdev") == ("parameters/p.yaml", 2, 27)


def test_a_destination_makes_writing_daily_unless_said_otherwise(load_files: Load) -> None:
    text = f"{VALUED}posterior_destination:\n  destinations: [{{type: webhook, url: x}}]\n"
    assert parameter(load_files, text).write_frequency == timedelta(days=1)
    assert parameter(load_files, text + "  write_frequency: 12h\n").write_frequency == timedelta(hours=12)


def test_a_query_without_parameters_reads_seven_days(load_files: Load) -> None:
    found = parameter(load_files, VALUED + "observation_source: {type: sql, query: x, min_sample_size: 50}\n")
    assert isinstance(found.observation_source, QueryObservations)
    assert found.observation_source.connection == "data"
    assert found.observation_source.times == {"start_date": "NOW() - INTERVAL '7 days'", "end_date": "NOW()"}
    assert found.observation_source.result_mapping.columns("probability") == {
        "trials": "trials",
        "successes": "successes",
    }
    assert found.observation_source.result_mapping.columns("duration") == {
        "n": "n",
        "sum": "sum",
        "sum_squares": "sum_squares",
    }
    assert found.min_sample_size == 50


@pytest.mark.parametrize(
    ("text", "family", "expected"),
    [
        ("bayesian_update: {prior: {alpha: 8, beta: 17}}", "beta", {"alpha": 8, "beta": 17}),
        ("prior_source: {type: static, alpha: 8, beta: 17}", "beta", {"alpha": 8, "beta": 17}),
        ("type: rate\nvalue: {shape: 9, rate: 3}", "gamma", {"shape": 9, "rate": 3}),
        (
            "type: mean\nbayesian_update: {prior: {distribution: normal, mu: 50, sigma: 5, noise_sigma: 20}}",
            "normal",
            {"mu": 50, "sigma": 5, "noise_sigma": 20},
        ),
        (
            "type: duration\nvalue: {mu: 1, sigma: 0.2, noise_shape: 3, noise_scale: 2}",
            "lognormal-inverse-gamma",
            {"mu": 1, "sigma": 0.2, "noise_shape": 3, "noise_scale": 2},
        ),
    ],
)
def test_a_stated_prior_is_a_belief_of_its_family(
    load_files: Load, text: str, family: str, expected: dict[str, float]
) -> None:
    found = parameter(load_files, f"id: p\n{text}\n")
    assert numbers(found) == (family, expected, None)


def test_what_is_said_of_single_observations_holds_for_every_belief_of_the_file(load_files: Load) -> None:
    text = (
        "id: p\ntype: mean\nvalue: {mean: 50, stdev: 5}\nfallback_value: {mean: 40, stdev: 8}\n"
        "bayesian_update: {prior: {noise_sigma: 20}}\n"
    )
    found = parameter(load_files, text)
    fallback = found.fallback()
    assert numbers(found)[1]["noise_sigma"] == 20
    assert fallback is not None
    assert fallback.numbers["noise_sigma"] == 20


def test_static_comes_before_the_update_and_that_before_the_value(load_files: Load) -> None:
    static = "prior_source: {type: static, alpha: 2, beta: 3, absorbed_until: 2025-10-01}\n"
    update = "bayesian_update: {prior: {alpha: 4, beta: 5}}\n"
    value = "value: {alpha: 6, beta: 7}\n"
    assert numbers(parameter(load_files, f"id: p\n{value}{update}{static}"))[1:] == (
        {"alpha": 2, "beta": 3},
        date(2025, 10, 1),
    )
    assert numbers(parameter(load_files, f"id: p\n{value}{update}"))[1] == {"alpha": 4, "beta": 5}
    assert numbers(parameter(load_files, f"id: p\nprior_source: {{type: static}}\n{value}"))[1] == {
        "alpha": 6,
        "beta": 7,
    }


def test_two_priors_that_disagree_are_a_warning_with_both_numbers(load_files: Load) -> None:
    text = "id: p\nvalue: {mean: 0.5, stdev: 0.0915}\nbayesian_update: {prior: {alpha: 8, beta: 17}}\n"
    registry = load_files({"parameters/p.yaml": text})
    assert registry.problems == ()
    assert [str(warning) for warning in registry.warnings] == [
        "parameters/p.yaml:2:8 value — priors_disagree: this prior is not used: "
        "bayesian_update.prior comes first and says 0.32 ± 0.09148, this one 0.5 ± 0.0915; "
        "keep one of the two"
    ]


def test_two_priors_that_agree_to_what_was_written_are_no_warning(load_files: Load) -> None:
    text = "id: p\nvalue: {mean: 0.32, stdev: 0.0915}\nbayesian_update: {prior: {alpha: 8, beta: 17}}\n"
    assert load_files({"parameters/p.yaml": text}).warnings == ()


@pytest.mark.parametrize(
    ("text", "half_life", "kappa"),
    [
        ("discount: none\n  overdispersion: none", None, None),
        ("discount: learned\n  overdispersion: learned", "learned", "learned"),
        ("discount: {half_life_days: 30}\n  overdispersion: {kappa: 50}", 30, 50),
        ("discount: {half_life_days: learned}", "learned", None),
    ],
)
def test_discount_and_overdispersion_are_words_or_numbers(
    load_files: Load, text: str, half_life: object, kappa: object
) -> None:
    found = parameter(load_files, f"{VALUED}bayesian_update:\n  {text}\n")
    assert (found.half_life_days, found.kappa) == (half_life, kappa)


@pytest.mark.parametrize(
    "update",
    [
        "{update_rule: mcmc, mcmc_config: {samples: 1000, burn_in: 500, chains: 4}}",
        "{update_rule: variational, variational_config: {steps: 1000, learning_rate: 0.01, draws: 500}}",
        "{update_rule: auto}",
        "{update_rule: model, model: 'acme.models:signup'}",
    ],
)
def test_every_update_rule_is_accepted(load_files: Load, update: str) -> None:
    text = f"{VALUED}bayesian_update: {update}\n"
    assert parameter(load_files, text).update_rule == update.split()[1].strip(",}")


@pytest.mark.parametrize(
    "source",
    [
        "{type: csv, query: SELECT 1}",
        "{type: parquet, query: SELECT 1}",
        "{type: duckdb, query: SELECT 1}",
        "{type: sql, connection: analytics_datalake, query: SELECT 1}",
        "{type: postgres, connection: analytics_datalake, query: SELECT 1}",
        "{type: events, table: t, columns: {user: u, node: n, event: e, time: at, channel: c}, unit: user,"
        " attempt: try, success: done, lookback: 7d, horizon: 1d}",
    ],
)
def test_every_source_at_hand_is_accepted(load_files: Load, source: str) -> None:
    parameter(load_files, f"{VALUED}observation_source: {source}\n")


@pytest.mark.parametrize("kind", ["sqlite", "bigquery", "snowflake", "redshift", "clickhouse", "amplitude"])
def test_every_warehouse_is_accepted_over_a_connection_of_its_type(load_files: Load, kind: str) -> None:
    text = f"{VALUED}observation_source: {{type: {kind}, connection: w, query: x}}\n"
    settings = f'[connections.w]\ntype = "{kind}"\n'
    assert load_files({"evenfall.toml": settings, "parameters/p.yaml": text}).problems == ()


@pytest.mark.parametrize(
    "source",
    [
        "{type: sheets, url: https://s/d/x, range: A1:B1, authentication: {type: oauth}}",
        "{type: sql, connection: data, query: SELECT 1}",
        "{type: webhook, url: {env: PRIOR_URL}, json_path: $.prior, authentication: {token: {env: TOKEN}}}",
        "{type: posterior_history, query: SELECT mean FROM posteriors}",
    ],
)
def test_a_source_is_a_prior_without_numbers_in_the_file(load_files: Load, source: str) -> None:
    assert parameter(load_files, f"id: p\nprior_source: {source}\n").declared_prior() is None


TEMPLATE = """\
id: p
value: {mean: 0.3, stdev: 0.06}
observation_source:
  type: duckdb
  query_template: SELECT channel, COUNT(*) AS trials, SUM(x) AS successes FROM t GROUP BY channel
  context_variables: [channel]
"""
EVENTS = (
    VALUED
    + """\
observation_source:
  type: events
  table: e
  attempt: a
  success: b
  columns: {user: u, channel: c, device: d}
"""
)


def shards(load_files: Load, values: str, more: str = "") -> list[Parameter]:
    registry = load_files(
        {"contexts/channel.yaml": f"id: channel\nvalues: {values}\n", "parameters/p.yaml": TEMPLATE + more}
    )
    assert registry.problems == (), [str(problem) for problem in registry.problems]
    return list(registry.parameters.values())


def test_what_is_fitted_has_defaults(load_files: Load) -> None:
    found = parameter(load_files, VALUED)
    assert (found.latency, found.pooling, found.robust_weight, found.is_cohort) == (None, None, None, False)
    assert (found.mcmc, found.variational, found.model, found.quantity) == (None, None, None, "value")
    assert (found.alarm, found.alarm_run_length_years) == ("detector", 20.0)


def test_what_is_fitted_is_as_written(load_files: Load) -> None:
    text = (
        EVENTS
        + """\
latency: {family: gamma, horizon_days: 30, onset: true, median_days: 2, t95_days: {mean: 9, stdev: 3}}
bayesian_update:
  update_rule: mcmc
  mcmc_config: {samples: 500, burn_in: 200, chains: 2}
  variational_config: {steps: 50}
  robust: {weight: 0.9}
model_fit: {alarm: detector, alarm_run_length_years: 5}
"""
    )
    found = parameter(load_files, text)
    assert found.is_cohort
    assert found.latency is not None
    assert (found.latency.family, found.latency.onset, found.latency.max_age_days) == ("gamma", True, 60)
    assert found.latency.centre("median_days") == (2.0, None)
    assert found.latency.centre("t95_days") == (9.0, 3.0)
    assert found.mcmc is not None
    assert (found.mcmc.samples, found.mcmc.burn_in, found.mcmc.chains) == (500, 200, 2)
    assert found.variational is not None
    assert found.variational.steps == 50
    assert (found.robust_weight, found.alarm_run_length_years) == (0.9, 5.0)


@pytest.mark.parametrize("rule", ["conjugate", "mcmc", "variational", "auto"])
def test_every_rule_loads(load_files: Load, rule: str) -> None:
    assert parameter(load_files, VALUED + f"bayesian_update: {{update_rule: {rule}}}\n").update_rule == rule


def test_a_model_names_its_function_and_its_variable(load_files: Load) -> None:
    update = "bayesian_update: {update_rule: model, model: 'rates.churn:build', quantity: churn}\n"
    found = parameter(load_files, VALUED + update)
    assert (found.update_rule, found.model, found.quantity) == ("model", "rates.churn:build", "churn")


def test_a_template_pools_three_shards_or_more_unless_told_otherwise(load_files: Load) -> None:
    three = "[{id: a}, {id: b}, {id: c}]"
    pooled = shards(load_files, three)
    assert [each.shard_count for each in pooled] == [3, 3, 3]
    assert all(each.pooling is not None and each.pooling.effects == ("channel",) for each in pooled)
    assert [each.pooling for each in shards(load_files, "[{id: a}, {id: b}]")] == [None, None]
    none = "bayesian_update: {pooling: none}\n"
    assert [each.pooling for each in shards(load_files, three, none)] == [None, None, None]
    partial = "bayesian_update: {pooling: {overdispersion: learned}}\n"
    (first, _) = shards(load_files, "[{id: a}, {id: b}]", partial)
    assert first.pooling is not None
    assert (first.pooling.effects, first.pooling.overdispersion) == (("channel",), "learned")


def test_events_are_pooled_when_that_is_said(load_files: Load) -> None:
    assert parameter(load_files, EVENTS).pooling is None
    partial = parameter(load_files, EVENTS + "bayesian_update: {pooling: partial}\n").pooling
    assert partial is not None
    assert (partial.effects, partial.visited) == (("channel", "device"), ())
    update = (
        "bayesian_update: {pooling: {effects: [device], visited: [home], interactions: [[device, home]]}}\n"
    )
    found = parameter(load_files, EVENTS + update).pooling
    assert found is not None
    assert (found.effects, found.visited, found.interactions) == (
        ("device",),
        ("home",),
        (("device", "home"),),
    )
