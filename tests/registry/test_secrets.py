"""Secrets in files: accepted with a warning, shown nowhere."""

from __future__ import annotations

from .conftest import Load

VALUED = "id: p\nvalue: {mean: 0.3, stdev: 0.06}\n"
ALERTS = """\
model_fit:
  alerts:
    - {type: slack, webhook: https://hooks/s3cret}
    - {type: slack, webhook: {env: HOOK}}
    - {type: email, email: a@example.com}
    - {type: pagerduty, routing_key: s3cret}
"""


def test_every_inline_secret_of_a_parameter_is_a_warning(load_files: Load) -> None:
    registry = load_files({"parameters/p.yaml": VALUED + ALERTS})
    assert registry.problems == ()
    assert [str(warning) for warning in registry.warnings] == [
        "parameters/p.yaml:5:30 model_fit.alerts[0].webhook '***' — a secret in the file: "
        "write webhook: {env: NAME} and keep the secret in the environment",
        "parameters/p.yaml:8:38 model_fit.alerts[3].routing_key '***' — a secret in the file: "
        "write routing_key: {env: NAME} and keep the secret in the environment",
    ]
    assert "s3cret" not in repr(registry.parameter("p"))


def test_every_inline_secret_of_the_settings_is_a_warning(load_files: Load) -> None:
    text = """\
[connections.lake]
type = "postgres"
user = "reader"
password = "s3cret"
[[alerts]]
type = "webhook"
webhook = "https://hooks/s3cret"
"""
    registry = load_files({"evenfall.toml": text})
    assert registry.problems == ()
    assert [str(warning) for warning in registry.warnings] == [
        "evenfall.toml:4:12 connections.lake.password '***' — a secret in the file: "
        'write password = {env = "PASSWORD"} and keep the secret in the environment',
        "evenfall.toml:7:11 alerts[0].webhook '***' — a secret in the file: "
        'write webhook = {env = "WEBHOOK"} and keep the secret in the environment',
    ]
    assert "s3cret" not in repr(registry.settings)
    assert registry.settings.connections["lake"].resolve({}) == {"user": "reader", "password": "s3cret"}


def test_inline_secrets_of_sources_and_sinks_are_not_shown(load_files: Load) -> None:
    text = (
        "id: p\nprior_source: {type: webhook, url: https://s3cret, authentication: {token: s3cret}}\n"
        "posterior_destination:\n  destinations: [{type: webhook, url: https://s3cret}]\n"
    )
    registry = load_files({"parameters/p.yaml": text})
    assert registry.problems == ()
    assert "s3cret" not in repr(registry.parameter("p"))
