"""The definitions of the parameter pipeline's document load and mean what the document says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from evenfall.registry.schemas import QueryObservations, SheetsPrior, SqlDestination

from .conftest import Load

CONTEXTS = {
    "contexts/channel.yaml": "id: channel\nvalues: [{id: google}, {id: facebook}]\n",
    "contexts/device.yaml": "id: device\nvalues: [{id: mobile}, {id: desktop}, {id: tablet}]\n",
}


def test_every_documented_definition_is_accepted(load_files: Load, documented: dict[str, str]) -> None:
    registry = load_files({**CONTEXTS, **documented})
    assert {problem.message.split(":")[0] for problem in registry.problems} == {"no prior"}
    assert len(registry.parameters) == 4 + 2 * 3
    whole = {"signup-google-mobile", "signup-google-mobile-returning"}
    assert {key for key, found in registry.parameters.items() if found.config_error is None} == whole


def test_the_simple_definition_keeps_every_number(load_files: Load, documented: dict[str, str]) -> None:
    parameter = load_files(documented).parameter("signup-google-mobile")
    assert isinstance(parameter.prior_source, SheetsPrior)
    assert isinstance(parameter.observation_source, QueryObservations)
    assert parameter.observation_source.result_mapping.prior_columns == {
        "alpha_prior": "alpha_prior",
        "beta_prior": "beta_prior",
    }
    prior = parameter.declared_prior()
    assert prior is not None
    assert (prior[0].family, prior[0].theta, prior[1]) == ("beta", (8, 17), None)
    assert str(prior[0].origin) == "manual (parameters/signup-google-mobile.yaml:43)"
    fallback = parameter.fallback()
    assert fallback is not None
    assert fallback.origin.kind == "fallback"
    assert fallback.theta[0] / sum(fallback.theta) == pytest.approx(0.32)
    assert (parameter.refresh_frequency, parameter.write_frequency) == (timedelta(hours=1), timedelta(days=1))
    assert (parameter.min_sample_size, parameter.check_min_sample_size) == (100, 100)
    assert [type(destination).__name__ for destination in parameter.destinations] == [
        "SheetsDestination",
        "SqlDestination",
    ]
    assert isinstance(parameter.destinations[1], SqlDestination)
    assert parameter.destinations[1].conflict_resolution == "update"


def test_an_inline_webhook_is_accepted_with_a_warning_that_does_not_show_it(
    load_files: Load, documented: dict[str, str]
) -> None:
    name = "parameters/signup-google-mobile.yaml"
    registry = load_files({name: documented[name]})
    assert registry.problems == ()
    assert [str(warning) for warning in registry.warnings] == [
        f"{name}:75:14 model_fit.alerts.webhook '***' — a secret in the file: "
        "write webhook: {env: NAME} and keep the secret in the environment"
    ]


def test_visited_nodes_are_all_or_any(load_files: Load, documented: dict[str, str]) -> None:
    registry = load_files(documented)
    returning = registry.parameter("signup-google-mobile-returning").visited_filter
    flexible = registry.parameter("checkout-flexible-path").visited_filter
    assert returning is not None
    assert flexible is not None
    assert (returning.operator, returning.nodes) == ("AND", ("homepage", "pricing"))
    assert (flexible.operator, len(flexible.nodes)) == ("OR", 3)


def test_a_series_names_its_date_column_and_is_a_probability_by_default(
    load_files: Load, documented: dict[str, str]
) -> None:
    parameter = load_files(documented).parameter("signup-google-mobile-timeseries")
    source = parameter.observation_source
    assert isinstance(source, QueryObservations)
    assert (parameter.type, parameter.distribution, source.result_type) == (
        "probability",
        "beta",
        "timeseries",
    )
    assert source.result_mapping.date == "observation_date"
    assert source.times["start_date"] == "NOW() - INTERVAL '30 days'"


def test_the_documents_pattern_for_durations_means_digits_and_a_unit(
    load_files: Load, documented: dict[str, str]
) -> None:
    name = "parameters/signup-google-mobile.yaml"
    for written in ("1h", "90m", "30s", "7d"):
        assert load_files({name: documented[name].replace('"1d"', written)}).problems == ()
