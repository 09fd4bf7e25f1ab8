"""Stripe's form encoding: ``a[b][c]=1``, ``a[]=1``, ``a[0][b]=1`` as nested dicts and lists of strings."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from infra.local.doubles.stripe.errors import StripeRefusal

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_DEPTH_MAX = 8

Params = dict[str, Any]
Reader = Callable[[str, Any], Any]
"""Takes a parameter's name and what the form held, returns its value or raises StripeRefusal."""


def parse(pairs: Iterable[tuple[str, str]]) -> Params:
    """The nested form of decoded pairs."""
    tree: Params = {}
    for name, value in pairs:
        found = _NAME.fullmatch(name)
        if not found or found[2].count("[") > _DEPTH_MAX:
            raise StripeRefusal(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
        _insert(tree, [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])], value)
    return {name: _lists(value) for name, value in tree.items()}


def _insert(tree: Params, path: list[str], value: str) -> None:
    for step in path[:-1]:
        inner = tree.setdefault(step, {})
        if not isinstance(inner, dict):
            raise StripeRefusal(400, "Invalid request: conflicting parameters", param=path[0])
        tree = inner
    last = path[-1] if path[-1] else str(len(tree))
    tree[last] = value


def _lists(value: Any) -> Any:
    """Dicts whose keys are 0, 1, 2 ... are lists."""
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(each) for key, each in value.items()}
    if inner and all(key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def read(params: Params, known: Mapping[str, Reader], required: Iterable[str] = ()) -> Params:
    """The parameters with their types. Refuses unknown, missing and malformed ones as Stripe does."""
    for name in params:
        if name not in known:
            raise StripeRefusal(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
    for name in required:
        if params.get(name) in (None, ""):
            message = f"Missing required param: {name}."
            raise StripeRefusal(400, message, code="parameter_missing", param=name)
    return {name: known[name](name, value) for name, value in params.items()}


def text(name: str, value: Any) -> str | None:
    """A string; the empty one unsets."""
    if not isinstance(value, str):
        raise StripeRefusal(400, f"Invalid string: {value}", param=name)
    return value or None


def integer(name: str, value: Any) -> int:
    """A whole number."""
    if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,15}", value, re.ASCII):
        raise StripeRefusal(400, f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
    return int(value)


def boolean(name: str, value: Any) -> bool:
    """``true`` or ``false``."""
    if value not in ("true", "false"):
        raise StripeRefusal(400, f"Invalid boolean: {value}", param=name)
    return bool(value == "true")


def mapping(name: str, value: Any) -> Params:
    """A hash; the empty string empties it."""
    if value == "":
        return {}
    if not isinstance(value, dict):
        raise StripeRefusal(400, "Invalid object", param=name)
    return value


def strings(name: str, value: Any) -> list[str]:
    """A list of strings."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise StripeRefusal(400, "Invalid array", param=name)
    return value


def items(name: str, value: Any) -> list[Params]:
    """A list of hashes."""
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        raise StripeRefusal(400, "Invalid array", param=name)
    return value


def choice(*allowed: str) -> Reader:
    """One of these words."""

    def read_choice(name: str, value: Any) -> str:
        if value not in allowed:
            raise StripeRefusal(400, f"Invalid {name}: must be one of {', '.join(allowed)}", param=name)
        return str(value)

    return read_choice


def bounds(name: str, value: Any) -> dict[str, int]:
    """``created=5`` or ``created[gte]=5``, as comparisons."""
    given = value if isinstance(value, dict) else {"gte": value, "lte": value}
    if not set(given) <= {"gt", "gte", "lt", "lte"}:
        raise StripeRefusal(400, "Invalid object", param=name)
    return {key: integer(f"{name}[{key}]", each) for key, each in given.items()}
