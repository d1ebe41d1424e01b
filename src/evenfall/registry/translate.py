"""A tree becomes a model, or every reason why not, each at its place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from evenfall.errors import ConfigError, nearest
from evenfall.registry.schemas import Model
from evenfall.registry.tree import Path, Tree, child

__all__ = ["suggest", "validate"]

_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "string_type": ("must be text", "put it in quotes"),
    "float_type": ("must be a number", "write it without quotes, such as 0.25"),
    "int_type": ("must be a whole number", "write it without quotes or a decimal point, such as 100"),
    "int_from_float": ("must be a whole number", "write it without a decimal point, such as 100"),
    "bool_type": ("must be true or false", "write true or false without quotes"),
    "finite_number": ("must be a finite number", "write a number that ends"),
    "dict_type": ("must be a mapping", "write keys and values below it"),
    "model_type": ("must be a mapping", "write keys and values below it"),
    "tuple_type": ("must be a list", "write one item per line, each after '- '"),
    "date_type": ("must be a date", "write it as YYYY-MM-DD"),
    "string_unicode": ("must be text", "save the file as UTF-8"),
    "too_short": ("is empty", "list at least one, or leave the key out"),
    "string_pattern_mismatch": ("has a form that is not allowed", ""),
}


def validate[M: Model](model: type[M], tree: Tree) -> tuple[M | None, tuple[ConfigError, ...]]:
    """Return what the tree says in the shape of `model`, with all that is wrong with it.

    Returns
    -------
    definition
        None when anything is wrong.
    problems
        Those of the text first, then those of its shape, in the order of the file.
    """
    try:
        definition = model.model_validate(tree.data)
    except ValidationError as error:
        found = [_translate(model, tree, detail) for detail in error.errors(include_url=False)]
        ordered = sorted((problem for problem in found if problem), key=lambda p: (p.line, p.column))
        return None, (*tree.problems, *ordered)
    return (None if tree.problems else definition), tree.problems


def suggest(name: str, valid: Iterable[str], *, what: str = "allowed") -> str:
    """Return a remedy that names the nearest valid names, or lists them when none is near."""
    names = sorted(valid)
    close = nearest(name, names)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"{what}: {', '.join(names)}" if names else ""


def _translate(model: type[Model], tree: Tree, detail: ErrorDetails) -> ConfigError | None:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    path = _path_in_data(detail["loc"], tree.data, missing=kind == "missing")
    match kind:
        case "missing":
            return tree.error("required", path, remedy=f"add the key {path[-1]}")
        case "extra_forbidden":
            remedy = suggest(str(path[-1]), _fields_at(model, detail["loc"][:-1]))
            return tree.error("unknown key", path, value=value, remedy=remedy, key=True)
        case "evenfall":
            message, remedy = str(context["message"]), str(context["remedy"])
            return tree.error(message, path, value=value, remedy=remedy)
        case "evenfall_type":
            return _unknown_type(tree, path, str(context["allowed"]).split(","))
        case "literal_error":
            allowed = re.findall(r"'([^']*)'", str(context["expected"]))
            return tree.error(
                "not one of the allowed words", path, value=value, remedy=suggest(str(value), allowed)
            )
        case "too_short" if isinstance(value, tuple | dict) and value:
            return None  # its members are refused already
        case "model_type" | "dict_type" if not path:
            return tree.error(
                "the file must hold a mapping", path, remedy="start with a key such as 'id: ...'"
            )
    message, remedy = _KINDS.get(kind, ("", ""))
    if not message:
        message = re.sub(r"^(Input|Value) should", "must", detail["msg"])
    elif kind == "string_pattern_mismatch":
        remedy = f"it must match {context['pattern']}"
    return tree.error(message, path, value=value, remedy=remedy)


def _unknown_type(tree: Tree, path: Path, allowed: list[str]) -> ConfigError:
    data = tree.at(path)
    if not isinstance(data, dict):
        return tree.error("must be a mapping", path, value=data, remedy="write keys and values below it")
    if "type" not in data:
        return tree.error("required", (*path, "type"), remedy=f"add the key type: {', '.join(allowed)}")
    kind = data["type"]
    remedy = suggest(str(kind), allowed)
    return tree.error("unknown type", (*path, "type"), value=kind, remedy=remedy)


def _path_in_data(loc: tuple[int | str, ...], data: object, *, missing: bool) -> Path:
    """Return the part of pydantic's location that names something in the file."""
    path: list[int | str] = []
    for index, step in enumerate(loc):
        last = index == len(loc) - 1
        if _holds(data, step) or (missing and last):
            path.append(step)
            data = child(data, step)
    return tuple(path)


def _holds(data: object, step: int | str) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, tuple) and isinstance(step, int) and step < len(data)


def _fields_at(model: type[Model], loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return the keys that the part of the model at `loc` allows."""
    here: Any = model
    for step in loc:
        here = next(_descend(here, step), None)
    for _, member in _members(here):
        if isinstance(member, type) and issubclass(member, BaseModel):
            return tuple(field.alias or name for name, field in member.model_fields.items())
    return ()


def _descend(annotation: Any, step: int | str) -> Iterator[Any]:
    for tag, member in _members(annotation):
        if tag is not None and tag == step:
            yield member
        elif isinstance(member, type) and issubclass(member, BaseModel):
            for name, field in member.model_fields.items():
                if step in (name, field.alias):
                    yield field.annotation
            if member.model_config.get("extra") == "allow":
                yield get_args(get_type_hints(member, include_extras=True)["__pydantic_extra__"])[1]
        elif get_origin(member) is tuple and isinstance(step, int):
            yield get_args(member)[0]
        elif get_origin(member) is dict:
            yield get_args(member)[1]


def _members(annotation: Any, tag: str | None = None) -> Iterator[tuple[str | None, Any]]:
    """Yield the types an annotation stands for, each with its tag in a union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        tags = [item.tag for item in metadata if isinstance(item, Tag)]
        yield from _members(inner, tags[0] if tags else tag)
    elif origin is Union or (origin is not None and str(origin) == "<class 'types.UnionType'>"):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield tag, annotation
