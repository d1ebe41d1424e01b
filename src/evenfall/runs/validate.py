"""What is wrong with the queries of a project, found without running one."""

from __future__ import annotations

from evenfall.connectors.priors import history_subject
from evenfall.errors import ConfigError, EvenfallError
from evenfall.registry.parameter import Parameter
from evenfall.registry.registry import Registry
from evenfall.registry.schemas import PosteriorHistoryPrior
from evenfall.runs.night.sources import check_prior_query, shape_of

__all__ = ["query_problems"]


def query_problems(registry: Registry) -> list[ConfigError]:
    """Return a problem per query that would be refused, with the place where it stands.

    The shards of a template share its query: what is wrong with it is said once.
    """
    problems: dict[tuple[str, int, int, str], ConfigError] = {}
    for parameter in registry.parameters.values():
        if parameter.config_error is not None:
            continue
        for problem in _problems(parameter, registry):
            problems.setdefault((problem.file, problem.line, problem.column, problem.message), problem)
    return list(problems.values())


def _problems(parameter: Parameter, registry: Registry) -> list[ConfigError]:
    found = []
    source = parameter.observation_source
    if source is not None:
        template = getattr(source, "query_template", None) is not None
        path = f"observation_source.{'query_template' if template else 'query'}"
        try:
            shape_of(parameter, registry)
        except EvenfallError as refused:
            found.append(_placed(parameter, path, refused))
    try:
        check_prior_query(parameter, registry)
        if isinstance(parameter.prior_source, PosteriorHistoryPrior):
            registry.parameter(history_subject(parameter))
    except EvenfallError as refused:
        found.append(_placed(parameter, "prior_source.query", refused))
    return found


def _placed(parameter: Parameter, path: str, refused: EvenfallError) -> ConfigError:
    file, line, column = parameter.locate(path)
    return ConfigError(
        refused.message,
        file=file,
        line=line,
        column=column,
        path=path,
        value=parameter.id,
        remedy=refused.remedy,
    )
