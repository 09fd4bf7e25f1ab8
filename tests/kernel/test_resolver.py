"""Paths to routes: the resolver by itself, and through the app."""

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.kernel.resolver import BadPath, Match, NoMatch, Resolver
from tests.kernel.apps import PREFIXES, KernelClient, error_body

ROUTES = [
    ("GET", "/"),
    ("GET", "/orders"),
    ("POST", "/orders"),
    ("GET", "/orders/{id}"),
    ("GET", "/orders/open"),
    ("DELETE", "/orders/{id}"),
    ("GET", "/orders/{id}/lines/{line_id}"),
    ("GET", "/orders/open/pages/{page}"),
    ("POST", "/{surface}/open"),
]


def _resolver(routes: list[tuple[str, str]] | None = None) -> Resolver[str]:
    return Resolver((method, path, f"{method} {path}") for method, path in routes or ROUTES)


@pytest.mark.parametrize(
    ("_case", "method", "path", "target", "variables"),
    [
        ("the root", "GET", "/", "GET /", {}),
        ("static", "GET", "/orders", "GET /orders", {}),
        ("method and path together", "POST", "/orders", "POST /orders", {}),
        ("variable", "GET", "/orders/7", "GET /orders/{id}", {"id": "7"}),
        ("static before variable", "GET", "/orders/open", "GET /orders/open", {}),
        (
            "back from a static segment whose method differs",
            "DELETE",
            "/orders/open",
            "DELETE /orders/{id}",
            {"id": "open"},
        ),
        (
            "back from a static segment that leads nowhere",
            "GET",
            "/orders/open/lines/2",
            "GET /orders/{id}/lines/{line_id}",
            {"id": "open", "line_id": "2"},
        ),
        ("back to the very first segment", "POST", "/orders/open", "POST /{surface}/open", {"surface": "orders"}),
        ("one trailing slash", "GET", "/orders/7/", "GET /orders/{id}", {"id": "7"}),
        ("decoded", "GET", "/orders/a%20b%2Fc", "GET /orders/{id}", {"id": "a b/c"}),
        ("decoded as UTF-8", "GET", "/orders/%C3%BC", "GET /orders/{id}", {"id": "ü"}),
        ("decoded once only", "GET", "/orders/%252F", "GET /orders/{id}", {"id": "%2F"}),
        ("a plus is a plus", "GET", "/orders/a+b", "GET /orders/{id}", {"id": "a+b"}),
        ("a lone percent sign stays", "GET", "/orders/100%", "GET /orders/{id}", {"id": "100%"}),
        ("dots are text", "GET", "/orders/..", "GET /orders/{id}", {"id": ".."}),
    ],
)
def test_finding_a_route(_case: str, method: str, path: str, target: str, variables: dict[str, str]) -> None:
    found = _resolver().resolve(method, path)
    assert isinstance(found, Match)
    assert (found.target, dict(found.variables)) == (target, variables)


@pytest.mark.parametrize(
    ("_case", "method", "path", "allowed"),
    [
        ("unknown path", "GET", "/nothing/here/at/all", set()),
        ("wrong method", "PUT", "/orders", {"GET", "POST"}),
        ("wrong method, all ways to the path count", "PUT", "/orders/open", {"GET", "DELETE", "POST"}),
        ("an empty segment is no variable", "GET", "/orders//lines/2", set()),
        ("two trailing slashes", "GET", "/orders//", set()),
        ("two leading slashes", "GET", "//orders", set()),
        ("an encoded slash does not split", "GET", "/orders%2F7", set()),
        ("static names are compared as they are", "GET", "/Orders", set()),
    ],
)
def test_finding_none(_case: str, method: str, path: str, allowed: set[str]) -> None:
    assert _resolver().resolve(method, path) == NoMatch(frozenset(allowed))


@pytest.mark.parametrize("path", ["/orders/%FF", "/orders/%C3", "/orders/%ED%A0%80"])
def test_escapes_that_are_no_utf_8(path: str) -> None:
    with pytest.raises(BadPath):
        _resolver().resolve("GET", path)


def test_one_route_cannot_be_declared_twice() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        _resolver([("GET", "/a/{x}"), ("GET", "/a/{y}")])


def _matches(route: str, path: str) -> dict[str, str] | None:
    """The rule in one line per segment, for comparison: variables take any text that is not empty."""
    names, values = route.split("/"), path.split("/")
    if len(names) != len(values):
        return None
    found = {}
    for name, value in zip(names, values, strict=True):
        if name.startswith("{") and value:
            found[name] = value
        elif name != value:
            return None
    return found


def _specificity(route: str) -> tuple[bool, ...]:
    """Static names first, from left to right."""
    return tuple(segment.startswith("{") for segment in route.split("/"))


segments = st.sampled_from(["a", "b", "c", "{x}"])
routes = st.lists(
    st.tuples(st.sampled_from(["GET", "POST"]), st.lists(segments, min_size=1, max_size=4)), min_size=1, max_size=12
)


@given(
    routes, st.sampled_from(["GET", "POST"]), st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=4)
)
@example([("POST", ["a", "b"]), ("GET", ["{x}", "b"])], "GET", ["a", "b"])
def test_the_trie_finds_what_a_search_through_all_routes_finds(
    declared: list[tuple[str, list[str]]], method: str, path_segments: list[str]
) -> None:
    named = {
        (m, "/" + "/".join(f"{{v{n}}}" if s == "{x}" else s for n, s in enumerate(names))) for m, names in declared
    }
    path = "/" + "/".join(path_segments)
    fitting = sorted((_specificity(route), m, route) for m, route in named if _matches(route, path) is not None)
    mine = [route for _, m, route in fitting if m == method]
    found = _resolver(sorted(named)).resolve(method, path)
    if mine:
        assert isinstance(found, Match)
        assert found.target == f"{method} {mine[0]}"
        assert {f"{{{n}}}": v for n, v in found.variables.items()} == _matches(mine[0], path)
    else:
        assert found == NoMatch(frozenset(m for _, m, _ in fitting))


@given(st.text(min_size=1))
@example("/")
@example("%2F")
@example("\0")
def test_every_text_survives_the_way_through_a_path(text: str) -> None:
    try:
        encoded = quote(text, safe="")
    except UnicodeEncodeError:
        return
    found = _resolver().resolve("GET", f"/orders/{encoded}")
    assert isinstance(found, Match)
    assert found.target == ("GET /orders/open" if text == "open" else "GET /orders/{id}")
    assert dict(found.variables) == ({} if text == "open" else {"id": text})


# Through the app.


@pytest.mark.parametrize("prefix", PREFIXES)
def test_an_unknown_path_answers_in_its_dialect(kernel: KernelClient, prefix: str) -> None:
    reply = kernel.get(f"{prefix}/nowhere")
    assert (reply.status, reply.json) == (404, error_body(prefix, "Not found", "not_found"))
    assert reply.headers["X-Request-Id"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_wrong_method_answers_in_its_dialect_and_says_which_are_right(kernel: KernelClient, prefix: str) -> None:
    reply = kernel.delete(f"{prefix}/parcels/special")
    assert (reply.status, reply.json) == (405, error_body(prefix, "Method not allowed", "method_not_allowed"))
    assert (reply.headers["Allow"], bool(reply.headers["X-Request-Id"])) == ("GET, POST", True)


@pytest.mark.parametrize(
    ("_case", "path", "status", "said"),
    [
        ("static wins", "special", 200, "static"),
        ("a variable", "7", 200, "7"),
        ("a slash within", "a%2Fb", 200, "a/b"),
        ("decoded once", "%2525", 200, "%25"),
        ("a trailing slash", "7/", 200, "7"),
        ("no UTF-8", "%FF", 404, None),
        ("text that no column can hold", "a%00b", 404, None),
    ],
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_variables_arrive_decoded(
    kernel: KernelClient, prefix: str, _case: str, path: str, status: int, said: str | None
) -> None:
    reply = kernel.get(f"{prefix}/parcels/{path}")
    assert reply.status == status
    if said is not None:
        assert reply.json == {"said": said}


def test_a_preflight_lists_the_methods_of_the_path(kernel: KernelClient) -> None:
    reply = kernel.call("OPTIONS", "/api/kernel/parcels/special", None, {"origin": "https://shop.example.test"})
    assert (reply.status, reply.body, reply.headers["Access-Control-Allow-Methods"]) == (204, b"", "GET, POST")
    assert reply.headers["Access-Control-Allow-Origin"] == "https://shop.example.test"


def test_a_foreign_origin_is_not_let_in(kernel: KernelClient) -> None:
    reply = kernel.call("OPTIONS", "/api/kernel/parcels/special", None, {"origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in reply.headers
