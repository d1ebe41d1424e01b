"""`evenfall fit`: fits with their quantities and figures, made again on request, and models compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from evenfall.cli import formatting
from evenfall.cli.options import AsJson, AsOf, ProjectPath, open_project
from evenfall.cli.output import emit, progress, say, show
from evenfall.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from evenfall.runs.models.comparing import ModelComparison
    from evenfall.runs.models.shown import Fits, QuantityRow, ShownFit

__all__ = ["fit"]

_IN_DAYS: Final = frozenset({"t50", "t95", "onset_days"})
_MASSES: Final = frozenset({"horizon_mass", "observed_mass"})
_ALL: Final = 0.9999
"""Share of a lag beyond which further digits say nothing."""
_SHARES: Final = _MASSES | {"p", "p_eventual", "population_p"}

Subject = Annotated[
    str | None,
    typer.Argument(
        metavar="[REF]", help="A parameter's id, a template, or a reference; by default all fits."
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        show_default=False,
        help="For --refit: auto, conjugate, quadrature, laplace, nuts or variational.",
    ),
]


def fit(
    subject: Subject = None,
    *,
    refit: Annotated[
        bool, typer.Option("--refit", help="Fit now, on the ledger as it stands, without publishing.")
    ] = False,
    engine: Engine = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Which lag family, or which pooling, predicts better.")
    ] = False,
    as_of: AsOf = None,
    project: ProjectPath = None,
    as_json: AsJson = False,
) -> int:
    """Show the last fit: quantities, figures, what was tried, versions; exit 1 when the gate refuses it."""
    _check_call(subject, refit, engine, compare)
    with open_project(project) as opened:
        if compare and subject is not None:
            with progress("compare", quiet=as_json) as advance:
                compared = opened.compare_models(subject, as_of=as_of, progress=advance)
            _tell(compared, as_json=as_json)
            return 0
        with progress("fit", quiet=as_json or not refit) as advance:
            found = opened.fit(subject, refit=refit, engine=engine, as_of=as_of, progress=advance)
    if as_json:
        emit(found.as_dict())
    else:
        _print(found)
    return 1 if found.refused else 0


def _check_call(subject: str | None, refit: bool, engine: str | None, compare: bool) -> None:
    if engine is not None and not refit:
        raise UsageError("--engine is for a fit made now", remedy="add --refit")
    if compare and refit:
        raise UsageError("--compare makes its own fits", remedy="leave out --refit")
    if subject is None and (refit or compare):
        raise UsageError("nothing is named to be fitted", remedy="name a parameter, as in `evenfall fit ID`")


def _tell(compared: ModelComparison, *, as_json: bool) -> None:
    if as_json:
        emit(compared.as_dict())
        return
    say(f"{compared.subject}: {compared.question}, by {compared.unit}, as of {compared.as_of}\n")
    show(_comparison_table(compared))
    say(f"\n{compared.words}")
    say(f"The definition has: {compared.current}")


def _comparison_table(compared: ModelComparison) -> Table:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415

    headings = ("model", "elpd (loo)", "difference", "weight", "p_loo", "max k", "elpd (waic)", "verdict")
    table = plain_table(*headings, right=headings[1:-1])
    for row in compared.as_dict()["models"]:
        is_ranked = not row["refused"]
        table.add_row(
            row["model"],
            _number(row["elpd_loo"], "{:,.1f}"),
            _difference(row["difference"], row["difference_se"]) if is_ranked else formatting.MISSING,
            _number(row["weight"] if is_ranked else None, "{:.2f}"),
            _number(row["effective_parameters"], "{:.1f}"),
            _number(row["pareto_k_max"], "{:.2f}"),
            _number(row["elpd_waic"], "{:,.1f}"),
            row["verdict"],
        )
    return table


def _difference(value: float, error: float) -> str:
    return "0.0" if value == 0 and error == 0 else f"{value:,.1f} ± {error:.1f}".replace("-", "−")


def _number(value: float | None, form: str) -> str:
    return formatting.MISSING if value is None else form.format(value).replace("-", "−")


def _print(found: Fits) -> None:
    if len(found.fits) == 1:
        _print_fit(found.fits[0])
    elif found.fits:
        show(_overview(found.fits))
        say("\n`evenfall fit ID` shows one in full")
    elif not found.without:
        say(f"nothing has been fitted as of {found.as_of}: formulas give every posterior")
    for name, why in found.without.items():
        say(f"{name}: {why}")


def _overview(fits: tuple[ShownFit, ...]) -> Table:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415

    table = plain_table(
        "parameter", "night", "by", "gate", "what", "estimate [95 %]", "version", right=("version",)
    )
    for one in fits:
        row = one.headline
        table.add_row(
            one.parameter_id,
            str(one.as_of),
            one.rung,
            "passed" if one.passed else "refused",
            row.name if row is not None else formatting.MISSING,
            _estimate(one, row) if row is not None else formatting.MISSING,
            str(one.versions[-1].number) if one.versions else formatting.MISSING,
        )
    return table


def _print_fit(one: ShownFit) -> None:
    made = "fitted by the night" if one.published else "fitted now, to look at; nothing is published"
    asked = "" if one.engine == one.rung else f", asked for {one.engine}"
    say(f"{one.parameter_id}: {one.rung} as of {one.as_of}{asked}; {made}")
    say(f"{'passed its gate' if one.passed else 'REFUSED by its gate'}; {_cost(one)}")
    for note in one.notes:
        say(note)
    _print_failures(one)
    if one.quantities:
        say("")
        show(_quantity_table(one))
    if one.figures:
        say("")
        show(_figure_table(one))
    for rung, why in one.tried:
        say(f"\nbefore it {rung} was tried: {why}")
    for warning in one.warnings:
        say(f"\nto be known: {warning}")
    if one.versions:
        say("")
        show(_version_table(one))


def _cost(one: ShownFit) -> str:
    return f"{one.seconds:.1f} s, {one.gradients:,} gradients, seed {one.seed}"


def _print_failures(one: ShownFit) -> None:
    if one.passed:
        return
    say("\nwhy, and what to do:")
    for failure in one.failures:
        say(f"  → {failure}")
    if one.published:
        stands = f"the fit of {one.stands_since} stands" if one.stands_since else "no fit has passed yet"
        say(f"  {stands}; `evenfall fit {one.parameter_id} --refit --engine nuts` tries another engine")


def _quantity_table(one: ShownFit) -> Table:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415

    shown = any(row.overlap is not None for row in one.quantities)
    headings = ["quantity", "estimate [95 %]", *(["overlap with prior", ""] if shown else [])]
    table = plain_table(*headings, right=("overlap with prior",))
    for row in one.quantities:
        share = formatting.MISSING if row.overlap is None else f"{100 * row.overlap:.0f} %"
        doubt = "" if row.identified else "not identified"
        table.add_row(row.name, _estimate(one, row), *([share, doubt] if shown else []))
    return table


def _estimate(one: ShownFit, row: QuantityRow) -> str:
    if row.name in _MASSES and row.lower > _ALL:
        return f"over {100 * _ALL:g} %"
    shown = formatting.estimate(_kind(one, row.name), row.median, row.lower, row.upper)
    return f"{shown} d" if row.name in _IN_DAYS else shown


def _kind(one: ShownFit, name: str) -> str:
    """Return the type by which a quantity is written: shares in percent, all else in its unit."""
    return (
        "probability" if name.startswith("p ") or name in _SHARES else one.type if name == "value" else "mean"
    )


def _figure_table(one: ShownFit) -> Table:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415

    table = plain_table("figure", "value", "limit", "", right=("value",))
    for row in one.figures:
        verdict = "" if row.holds is None else "ok" if row.holds else "beyond its limit"
        value = f"{row.value:,.4g}".replace("-", "−")
        table.add_row(row.name, value, row.limit or "shown only", verdict)
    return table


def _version_table(one: ShownFit) -> Table:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415

    table = plain_table(
        "version", "definition", "code", "from", "to", "fits", "passed", right=("version", "fits", "passed")
    )
    for version in one.versions:
        table.add_row(
            str(version.number),
            version.definition_hash[:8],
            version.code_version,
            str(version.first),
            str(version.last),
            str(version.fits),
            str(version.passed),
        )
    return table
