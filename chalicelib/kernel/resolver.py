"""From a path to a route, in a few microseconds.

API Gateway sends everything through one greedy resource, so the kernel resolves paths itself: a trie of segments,
static names before variables, with backtracking, method and path together, variables URL-decoded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

Target = TypeVar("Target")


@dataclass
class _Node(Generic[Target]):
    static: dict[str, "_Node[Target]"] = field(default_factory=dict)
    variable: "_Node[Target] | None" = None
    methods: dict[str, tuple[Target, tuple[str, ...]]] = field(default_factory=dict)
    """method -> (target, names of its variables in order)"""


@dataclass(frozen=True)
class Match(Generic[Target]):
    """A route and the decoded values of its variables."""

    target: Target
    variables: Mapping[str, str]


@dataclass(frozen=True)
class NoMatch:
    """No route; `allowed` names the methods that the path knows, empty for an unknown path."""

    allowed: frozenset[str]


class BadPath(ValueError):
    """A path whose escapes are no UTF-8."""


class Resolver(Generic[Target]):
    """Finds the target of (method, path)."""

    def __init__(self, routes: Iterable[tuple[str, str, Target]]) -> None:
        self._root: _Node[Target] = _Node()
        for method, path, target in routes:
            self._add(method, path, target)

    def _add(self, method: str, path: str, target: Target) -> None:
        node, names = self._root, []
        for segment in path.strip("/").split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.static.setdefault(segment, _Node())
        if method in node.methods:
            raise ValueError(f"{method} {path} is declared twice")
        node.methods[method] = (target, tuple(names))

    def resolve(self, method: str, path: str) -> Match[Target] | NoMatch:
        """The match for a method and path. One trailing slash is forgiven. Raises BadPath."""
        segments = path.removeprefix("/").removesuffix("/").split("/")
        allowed: set[str] = set()
        found = self._walk(self._root, segments, 0, (), method, allowed)
        if found is None:
            return NoMatch(frozenset(allowed))
        (target, names), values = found
        return Match(target, dict(zip(names, map(_decode, values), strict=True)))

    def _walk(
        self,
        node: _Node[Target],
        segments: list[str],
        depth: int,
        values: tuple[str, ...],
        method: str,
        allowed: set[str],
    ) -> tuple[tuple[Target, tuple[str, ...]], tuple[str, ...]] | None:
        if depth == len(segments):
            if method in node.methods:
                return node.methods[method], values
            allowed.update(node.methods)
            return None
        segment = segments[depth]
        static = node.static.get(segment)
        if static is not None:
            found = self._walk(static, segments, depth + 1, values, method, allowed)
            if found is not None:
                return found
        if node.variable is None or not segment:
            return None
        return self._walk(node.variable, segments, depth + 1, (*values, segment), method, allowed)


def _decode(value: str) -> str:
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise BadPath(value) from None
