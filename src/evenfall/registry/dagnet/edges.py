"""Edges of DagNet: their rates, and the parameters that their conditions call for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evenfall.registry.dagnet.account import Account, Target
from evenfall.registry.dagnet.amounts import cost_of, latency_of
from evenfall.registry.dagnet.beliefs import StatedRate, read_rate
from evenfall.registry.dagnet.conditions import Condition, read_condition
from evenfall.registry.dagnet.contexts import Case
from evenfall.registry.dagnet.graphs import GraphDraft, move_names
from evenfall.registry.dagnet.parameters import Draft
from evenfall.registry.dagnet.workshop import Step, Unplaceable, Workshop, conditions_slug
from evenfall.registry.references import EdgeReference
from evenfall.registry.tree import Path

__all__ = ["write_graph"]


def write_graph(draft: GraphDraft, shop: Workshop) -> None:
    """Add the graph's file, and those of the parameters its edges need."""
    account, file = draft.account, draft.file
    graph: dict[str, object] = {"id": draft.id}
    for key in ("name", "description"):
        if (text := account.text(("metadata", key))) is not None:
            graph[key] = text
            account.move(("metadata", key), Target(file, (key,)), text)
    written: list[dict[str, object]] = []
    for index, slug in draft.edges.items():
        written.append(_EdgeWriter(draft, shop, index, slug, ("edges", len(written))).edge())
    shop.put(file, {**graph, "nodes": tuple(draft.written), "edges": tuple(written)}, account)


@dataclass(slots=True)
class _EdgeWriter:
    """One edge on its way.

    Attributes
    ----------
    place
        Where it stands in the written graph.
    """

    draft: GraphDraft
    shop: Workshop
    index: int
    slug: str
    place: Path

    @property
    def path(self) -> Path:
        return ("edges", self.index)

    @property
    def account(self) -> Account:
        return self.draft.account

    @property
    def step(self) -> Step:
        return Step(self.slug, self.draft.nodes)

    def target(self, *steps: str) -> Target:
        return Target(self.draft.file, (*self.place, *steps))

    def edge(self) -> dict[str, object]:
        source, target = self.draft.raw_ends[self.index]
        edge: dict[str, object] = {"slug": self.slug}
        move_names(self.draft, self.path, self.place, edge)
        edge |= {"from": source, "to": target}
        for key, slug in (("from", source), ("to", target)):
            self.account.move((*self.path, key), self.target(key), slug, "edges name nodes by their slugs")
        rate = self._rate()
        parts = {
            "p": rate,
            "latency": latency_of(self.account, self.path, self.target("latency"), self._draft("p")),
            "cost": self._cost(),
        }
        edge |= {key: part for key, part in parts.items() if part is not None and part != {}}
        if not rate:
            self.shop.warnings.append(f"{self.slug}: no rate was imported; a what-if needs one")
        weight = self.account.number((*self.path, "weight_default"), 0.0, 1.0)
        if weight is not None:
            edge["weight_default"] = weight
            self.account.move((*self.path, "weight_default"), self.target("weight_default"), weight)
        self._conditions(base=rate)
        return edge

    def _draft(self, *path: str | int) -> Draft | None:
        """Return the parameter file that an ``id`` names."""
        return self.shop.drafts.get(self.account.text((*self.path, *path, "id")) or "")

    # --- the rate of everybody

    def _rate(self) -> dict[str, object]:
        stated = read_rate(self.account, (*self.path, "p"))
        case, variant = self._case()
        if case is not None and variant in case.weights:
            return self._split(stated, case, variant)
        draft = self._draft("p")
        if draft is not None and draft.kind in ("rate", "definition") and (taken := self._take(draft)):
            if isinstance(value := taken[1], dict):
                stated.agree(value, Target(f"parameters/{taken[0]}.yaml", ("value",)))
            return self._wired(taken[0])
        raw = self.account.text((*self.path, "p", "id"))
        if draft is None and raw in self.shop.project_parameters:
            stated.refuse(f"the project's parameter {raw} counts")
            return self._wired(raw)
        if self._needs_parameter() and not stated.why_not_learnable(self.shop.strength):
            return self._wired(self._own_parameter(stated, raw))
        why = "its file has no rate that data could change" if draft else "no file declares this parameter"
        self.account.drop((*self.path, "p", "id"), why)
        return dict(stated.fixed(self.target("p"))) or self._fixed_from(draft)

    def _needs_parameter(self) -> bool:
        return bool(self.account.members((*self.path, "conditional_p")))

    def _wired(self, parameter_id: str) -> dict[str, object]:
        at = self.target("p", "parameter_id")
        if self.account.text((*self.path, "p", "id")) is not None:
            self.account.move((*self.path, "p", "id"), at, parameter_id, "the parameter has another id here")
        return {"parameter_id": parameter_id}

    def _take(self, draft: Draft) -> tuple[str, object] | None:
        """Return id and value of the parameter of a file, written for this edge unless it stands already."""
        draft.uses += 1
        file = f"parameters/{draft.id}.yaml"
        if draft.kind == "definition" or file in self.shop.files:
            taken = self.shop.files.get(file)
            return (draft.id, taken.get("value")) if taken else None
        base = draft.base
        learnable = base is not None and not base.rate.why_not_learnable(self.shop.strength)
        if base is not None and learnable:
            self.shop.add_parameter(draft.id, base.rate, EdgeReference(self.slug), draft)
        self.shop.add_slices(draft, self.step, Condition())
        return (draft.id, self.shop.files[file]["value"]) if learnable else None

    def _own_parameter(self, stated: StatedRate, raw: str | None) -> str:
        """Return the id of a parameter made from the edge's own numbers: conditions need one beside them."""
        identity = f"{self.draft.file} {self.slug}"
        parameter_id = self.shop.claims.claim(raw or self.slug, identity)
        self.shop.add_parameter(parameter_id, stated, EdgeReference(self.slug))
        return parameter_id

    def _fixed_from(self, draft: Draft | None) -> dict[str, object]:
        """Return the certain rate that a file states for an edge without one of its own."""
        base = draft.base if draft is not None and draft.kind == "rate" else None
        return dict(base.rate.fixed(self.target("p"))) if base is not None and not base.rate.fault else {}

    # --- experiments

    def _case(self) -> tuple[Case | None, str]:
        """Return the experiment this edge belongs to, and its variant."""
        variant = self.account.text((*self.path, "case_variant"))
        if variant is None:
            return None, ""
        raw = self.account.text((*self.path, "case_id"))
        origin = self.account.text((*self.path, "from")) or ""
        return self.shop.contexts.cases.get(raw or origin), variant

    def _split(self, stated: StatedRate, case: Case, variant: str) -> dict[str, object]:
        """Return the rate of an edge that a variant takes: its weight, times the rate beyond the split."""
        weight, account, path = case.weights[variant]
        beyond = 1.0 if stated.mean is None else stated.mean
        at, share = self.target("p", "mean"), float(f"{weight * beyond:.15g}")
        account.move(path, at, share, "the share of the variant is the rate of its edge")
        if beyond != 1:
            parts = f"{weight:g} of the traffic, of which {beyond:g} goes on"
            self.shop.warnings.append(f"{self.slug}: {parts}: the rate is {share:g}")
        why = f"the rate is the weight of the variant {variant}"
        self.account.move((*self.path, "p", "mean"), at, share, why)
        self.account.drop((*self.path, "p", "stdev"), "a split is decided, not believed")
        self.account.drop((*self.path, "p", "id"), "a split is decided, not believed")
        for key in ("case_variant", "case_id"):
            self.account.move((*self.path, key), at, share, f"the experiment is the context {case.key}")
        return {"mean": share}

    def _cost(self) -> float | dict[str, object] | None:
        draft = self._draft("cost_gbp")
        return cost_of(self.account, self.path, self.target("cost"), self.shop.currency, draft)

    # --- conditions

    def _conditions(self, base: Mapping[str, object]) -> None:
        said: list[EdgeReference] = []
        for index, _ in enumerate(self.account.members((*self.path, "conditional_p"))):
            try:
                said.append(self._condition(index, said))
            except Unplaceable as error:
                path = (*self.path, "conditional_p", index)
                self.account.drop((*path, "condition"), str(error))
                read_rate(self.account, (*path, "p")).refuse(str(error))
                self.account.drop((*path, "p", "id"), str(error))
        if said and "parameter_id" not in base:
            rest = "everybody else takes the fixed rate of the graph" if base else "nobody else has a rate"
            self.shop.warnings.append(f"{self.slug}: its conditions are parameters; {rest}")
        self._warn_of_overlap(said)

    def _condition(self, index: int, earlier: Sequence[EdgeReference]) -> EdgeReference:
        """Write the parameter of one conditional probability and return of whom it is."""
        path: Path = (*self.path, "conditional_p", index)
        condition = read_condition(self.account.at((*path, "condition")))
        if condition.is_everyone:
            raise Unplaceable("no condition")
        reference = self.shop.reference(self.step, condition)
        if reference in earlier:
            raise Unplaceable("an earlier condition of this edge says the same, and comes first")
        stated = read_rate(self.account, (*path, "p"))
        draft = self._draft("conditional_p", index, "p")
        raw = self.account.text((*path, "p", "id"))
        base = draft.base if draft is not None and draft.kind == "rate" else None
        if draft is not None and base is not None and not base.rate.why_not_learnable(self.shop.strength):
            parameter_id = self._conditional_file(draft, base.rate, reference, condition)
            value = self.shop.files[f"parameters/{parameter_id}.yaml"]["value"]
            if isinstance(value, dict):
                stated.agree(value, Target(f"parameters/{parameter_id}.yaml", ("value",)))
        elif why := stated.why_not_learnable(self.shop.strength):
            raise Unplaceable(why)
        else:
            name = raw if raw and draft is None else f"{self.slug}-{conditions_slug(reference)}"
            identity = f"{self.draft.file} {reference}"
            parameter_id = self.shop.claims.claim(name, identity)
            self.shop.add_parameter(parameter_id, stated, reference)
        file = f"parameters/{parameter_id}.yaml"
        why = "a conditional probability is a parameter with a reference and filters"
        at = Target(file, ("edge_reference",))
        self.account.move((*path, "condition"), at, str(reference), why)
        if raw is not None:
            why = "the parameter has another id here"
            self.account.move((*path, "p", "id"), Target(file, ("id",)), parameter_id, why)
        return reference

    def _conditional_file(
        self, draft: Draft, rate: StatedRate, reference: EdgeReference, condition: Condition
    ) -> str:
        """Return the id of a file's parameter with this condition; a second edge gets a copy of its own."""
        draft.uses += 1
        parameter_id = draft.id
        if f"parameters/{draft.id}.yaml" in self.shop.files:
            parameter_id = self.shop.claims.claim(
                f"{draft.id}-{self.slug}", f"{draft.account.file} {reference}"
            )
        else:
            self.shop.add_slices(draft, self.step, condition)
        self.shop.add_parameter(parameter_id, rate, reference, draft)
        return parameter_id

    def _warn_of_overlap(self, said: Sequence[EdgeReference]) -> None:
        """Warn where one visitor may meet two conditions, of which the editor takes the first."""
        pairs = [
            f"{first} and {second}"
            for number, first in enumerate(said)
            for second in said[number + 1 :]
            if not (_apart(first, second) or _nested(first, second) or _nested(second, first))
        ]
        if pairs:
            more = f" and {len(pairs) - 1} more pairs" if len(pairs) > 1 else ""
            self.shop.warnings.append(
                f"{self.slug}: one visitor may meet two of its conditions, {pairs[0]}{more}; the editor "
                "takes the first that holds, Evenfall the closest to what is asked"
            )


def _apart(first: EdgeReference, second: EdgeReference) -> bool:
    """Return whether no attempt can meet both."""
    return (
        any(second.context.get(key, value) != value for key, value in first.context.items())
        or bool({*first.visited} & {*second.exclude})
        or bool({*second.visited} & {*first.exclude})
    )


def _nested(narrow: EdgeReference, wide: EdgeReference) -> bool:
    """Return whether every attempt of `narrow` is plainly one of `wide`."""
    return (
        {*wide.visited} <= {*narrow.visited}
        and {*wide.exclude} <= {*narrow.exclude}
        and {*wide.visited_any} <= {*narrow.visited_any}
        and wide.context.items() <= narrow.context.items()
    )
