"""Secrets that stand in the files themselves instead of in the environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evenfall.errors import ConfigError
from evenfall.registry.schemas import ParameterDefinition, SettingsDefinition
from evenfall.registry.schemas.fit import Alert, PagerdutyAlert, SlackAlert, WebhookAlert
from evenfall.registry.tree import Path, Tree, names_a_secret

__all__ = ["secrets_of_parameter", "secrets_of_settings"]


def secrets_of_parameter(definition: ParameterDefinition, tree: Tree) -> list[ConfigError]:
    """Return a warning for each secret in a parameter's alerts."""
    alerts = definition.model_fit.alerts if definition.model_fit else ()
    return list(_alerts(alerts, ("model_fit", "alerts"), tree))


def secrets_of_settings(definition: SettingsDefinition, tree: Tree) -> list[ConfigError]:
    """Return a warning for each secret in the project's alerts and connections."""
    inline = [
        ("connections", name, key)
        for name, connection in definition.connections.items()
        for key, value in connection.options.items()
        if isinstance(value, str) and names_a_secret(key)
    ]
    return [*_alerts(definition.alerts, ("alerts",), tree), *(_warning(path, tree) for path in inline)]


def _alerts(alerts: Sequence[Alert], at: Path, tree: Tree) -> Iterator[ConfigError]:
    many = isinstance(tree.at(at), tuple)
    for index, alert in enumerate(alerts):
        key = "routing_key" if isinstance(alert, PagerdutyAlert) else "webhook"
        if isinstance(alert, PagerdutyAlert | SlackAlert | WebhookAlert) and isinstance(
            getattr(alert, key), str
        ):
            yield _warning((*at, index, key) if many else (*at, key), tree)


def _warning(path: Path, tree: Tree) -> ConfigError:
    equals = " = " if tree.file.endswith(".toml") else ": "
    name = f'"{path[-1]}"'.upper() if equals == " = " else "NAME"
    remedy = f"write {path[-1]}{equals}{{env{equals}{name}}} and keep the secret in the environment"
    return tree.error("a secret in the file", path, value="***", remedy=remedy)
