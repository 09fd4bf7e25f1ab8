"""Idempotency keys: one effect and one answer, whatever is sent again, when and by whom."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import identity
from chalicelib.kernel.endpoint import Binary, Call, Outside, Redirect
from chalicelib.kernel.errors import Conflict, TooManyRequests, Unavailable
from chalicelib.kernel.uow import UnitOfWork
from tests.client import Client, Reply
from tests.kernel.apps import PREFIXES, KernelClient, error_body
from tests.kernel.handlers import Anything, script
from tests.tenant import Clock, Tenant
from tests.threads import together

DAY_S = 24 * 3600
PATIENCE_S = 20.0
BUMP = (
    "INSERT INTO kernel_note (name, number) VALUES ('n', 1)"
    " ON CONFLICT (organization_id, name) DO UPDATE SET number = kernel_note.number + 1 RETURNING number"
)
Notes = Callable[[], dict[str, int]]


def bump(call: Call[Anything]) -> int:
    """The effect that must happen once: a number goes up."""
    number: int = call.uow.value(BUMP)
    return number


def send(
    client: Client, function: Callable[[Call[Anything]], Any], key: str = "k", said: Any = None
) -> Callable[[], Reply]:
    """The same request again and again."""
    path = f"/api/kernel/scripts/{script(function)}"
    return lambda: client.post(path, {"said": said}, idempotency_key=key)


def api_key(tenant: Tenant, client: Client) -> Client:
    with tenant.uow() as uow:
        return client.as_key(identity.create_api_key(uow, name="test", scopes=["inventory:write"]))


# The same again.


def test_a_repetition_gets_the_first_answer(kernel: KernelClient, notes: Notes) -> None:
    again = send(kernel, bump)
    first, second = again(), again()
    assert (first.status, first.json, first.headers.get("Idempotent-Replay")) == (200, {"said": 1}, None)
    assert (second.status, second.body, second.headers["Idempotent-Replay"]) == (200, first.body, "true")
    assert second.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert (second.headers["Content-Type"], notes()) == ("application/json", {"n": 1})


@pytest.mark.parametrize(
    ("_case", "answer", "status", "header"),
    [
        ("no content", None, 204, ("Content-Type", None)),
        ("a redirect", Redirect("/there"), 302, ("Location", "/there")),
        (
            "a file",
            Binary(b"\x89PNG\0\xff", "image/png", {"Content-Disposition": "inline"}),
            200,
            ("Content-Disposition", "inline"),
        ),
    ],
)
def test_every_kind_of_answer_is_kept(
    kernel: KernelClient, notes: Notes, _case: str, answer: Any, status: int, header: tuple[str, str | None]
) -> None:
    def work(call: Call[Anything]) -> Any:
        bump(call)
        return answer

    again = send(kernel, work)
    first, second = again(), again()
    assert (first.status, second.status, second.body) == (status, status, first.body)
    assert (second.headers.get(header[0]), second.headers["Idempotent-Replay"]) == (header[1], "true")
    assert notes() == {"n": 1}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_another_body_is_refused(kernel: KernelClient, notes: Notes, prefix: str) -> None:
    path = f"{prefix}/scripts/{script(bump)}"
    assert kernel.post(path, {"said": 1}, idempotency_key="k").status == 200
    reply = kernel.post(path, {"said": 2}, idempotency_key="k")
    sentence = "Idempotency-Key was used with a different request"
    assert (reply.status, reply.json) == (422, error_body(prefix, sentence, "idempotency_key_reused"))
    assert notes() == {"n": 1}


def test_a_repetition_after_a_rotation_of_the_hash_key_is_one(
    kernel: KernelClient, notes: Notes, configured: Callable[..., Any]
) -> None:
    path = f"/api/kernel/scripts/{script(bump)}"
    first = kernel.post(path, {"said": 1}, idempotency_key="k")
    with configured(QM_HASH_KEY="newer test-hash-key"):
        again = kernel.post(path, {"said": 1}, idempotency_key="k")
        assert (again.body, again.headers["Idempotent-Replay"]) == (first.body, "true")
        assert kernel.post(path, {"said": 2}, idempotency_key="k").status == 422
    assert notes() == {"n": 1}


def test_another_query_is_another_request(kernel: KernelClient) -> None:
    body = {"name": "a", "weight_g": 1}
    assert kernel.post("/api/kernel/parcels/1?page=1", body, idempotency_key="k").status == 201
    assert kernel.post("/api/kernel/parcels/1?page=2", body, idempotency_key="k").status == 422


def test_without_a_key_everything_happens_again(kernel: KernelClient, notes: Notes) -> None:
    path = f"/api/kernel/scripts/{script(bump)}"
    assert [kernel.post(path, {}).json["said"] for _ in range(3)] == [1, 2, 3]
    assert notes() == {"n": 3}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_refusal_is_kept_and_its_effects_are_not(kernel: KernelClient, notes: Notes, prefix: str) -> None:
    runs: list[int] = []

    def refuse(call: Call[Anything]) -> None:
        runs.append(bump(call))
        raise Conflict("Not now", lines=[1, 2])

    path = f"{prefix}/scripts/{script(refuse)}"
    first, second = (kernel.post(path, {}, idempotency_key="k") for _ in range(2))
    assert (first.status, first.json) == (409, {**error_body(prefix, "Not now", "conflict"), "lines": [1, 2]})
    assert (second.status, second.body, second.headers["Idempotent-Replay"]) == (409, first.body, "true")
    assert (runs, notes()) == ([1], {})


@pytest.mark.parametrize("error", [RuntimeError("broken"), Unavailable(), TooManyRequests()])
def test_a_failure_of_ours_and_a_wait_are_not_kept(kernel: KernelClient, notes: Notes, error: Exception) -> None:
    failures = [error]

    def fail_once(call: Call[Anything]) -> int:
        number = bump(call)
        if failures:
            raise failures.pop()
        return number

    again = send(kernel, fail_once)
    assert again().status in (429, 500, 503)
    reply = again()
    assert (reply.status, reply.json, "Idempotent-Replay" in reply.headers) == (200, {"said": 1}, False)
    assert notes() == {"n": 1}


def test_a_request_that_was_never_understood_is_not_kept(kernel: KernelClient) -> None:
    wrong = kernel.post("/api/kernel/parcels/1", {"name": "a"}, idempotency_key="k")
    right = kernel.post("/api/kernel/parcels/1", {"name": "a", "weight_g": 1}, idempotency_key="k")
    assert (wrong.status, right.status, "Idempotent-Replay" in right.headers) == (400, 201, False)


# Time.


def test_after_a_day_a_key_may_be_used_anew(kernel: KernelClient, notes: Notes, clock: Clock) -> None:
    again = send(kernel, bump)
    again()
    clock.advance(seconds=DAY_S - 60)
    assert again().headers["Idempotent-Replay"] == "true"
    clock.advance(seconds=120)
    reply = again()
    assert (reply.json, "Idempotent-Replay" in reply.headers, notes()) == ({"said": 2}, False, {"n": 2})
    assert again().headers["Idempotent-Replay"] == "true"


def test_after_a_day_a_key_may_be_used_for_something_else(kernel: KernelClient, clock: Clock) -> None:
    path = f"/api/kernel/scripts/{script(bump)}"
    kernel.post(path, {"said": 1}, idempotency_key="k")
    clock.advance(seconds=DAY_S + 1)
    assert kernel.post(path, {"said": 2}, idempotency_key="k").json == {"said": 2}


# At the same time.


@pytest.mark.parametrize("prefix", PREFIXES)
def test_while_the_first_runs_others_are_told_to_wait(kernel: KernelClient, notes: Notes, prefix: str) -> None:
    started, may_end = threading.Event(), threading.Event()

    def wait(call: Call[Anything]) -> int:
        started.set()
        assert may_end.wait(PATIENCE_S)
        return bump(call)

    path = f"{prefix}/scripts/{script(wait)}"

    def work(n: int) -> Reply:
        if n == 0:
            return kernel.post(path, {}, idempotency_key="k")
        assert started.wait(PATIENCE_S)
        reply = kernel.post(path, {}, idempotency_key="k")
        may_end.set()
        return reply

    first, second = together(2, work)
    sentence = "A request with this Idempotency-Key is still running"
    assert (second.status, second.json) == (409, error_body(prefix, sentence, "idempotency_key_in_use"))
    assert (second.headers["Retry-After"], first.json, notes()) == ("1", {"said": 1}, {"n": 1})


def test_of_many_at_once_one_has_the_effect(kernel: KernelClient, notes: Notes) -> None:
    again = send(kernel, bump)
    replies = together(12, lambda _: again())
    assert {r.status for r in replies} <= {200, 409}
    assert {r.json["said"] for r in replies if r.status == 200} == {1}
    assert notes() == {"n": 1}


def test_another_path_and_another_caller_do_not_wait(kernel: KernelClient, tenant: Tenant) -> None:
    callers = [api_key(tenant, kernel) for _ in range(2)]
    path, elsewhere = (f"/api/v{n}/kernel/keyed/{{}}" for n in (1, 2))
    inner: list[Reply] = []

    def ask_others(_call: Call[Anything]) -> str:
        asked = [(callers[0], elsewhere.format(slow)), (callers[1], path.format(slow))]
        inner.extend(together(1, lambda _: [c.post(p, {}, idempotency_key="k") for c, p in asked])[0])
        return "outer"

    def work(call: Call[Anything]) -> str:
        is_first = call.request.path == path.format(slow) and call.request.headers["x-api-key"] == first_key
        return ask_others(call) if is_first else "inner"

    first_key = callers[0].headers["x-api-key"]
    slow = script(work)
    outer = callers[0].post(path.format(slow), {}, idempotency_key="k")
    assert [r.json["said"] for r in (outer, *inner)] == ["outer", "inner", "inner"]


def test_a_running_key_of_another_organization_is_free(kernel: KernelClient, other_tenant: Tenant) -> None:
    """Guests of two shops have the same actor and path; their keys must not meet, not even while one is running."""
    inner: list[Reply] = []

    def ask_the_other(call: Call[Anything]) -> str:
        inner.extend(together(1, lambda _: KernelClient(other_tenant.host).post(quick, {}, idempotency_key="k")))
        return "outer"

    name = script(lambda call: ask_the_other(call) if not inner and call.request.host == kernel.host else "inner")
    quick = f"/api/kernel/scripts/{name}"
    outer = kernel.post(quick, {}, idempotency_key="k")
    assert [(r.status, r.json) for r in (outer, *inner)] == [(200, {"said": "outer"}), (200, {"said": "inner"})]


# Whose key.


def test_keys_are_per_caller(kernel: KernelClient, tenant: Tenant, notes: Notes) -> None:
    path = f"/api/kernel/keyed/{script(bump)}"
    callers = [api_key(tenant, kernel) for _ in range(2)]
    assert [c.post(path, {"said": n}, idempotency_key="k").json for n, c in enumerate(callers)] == [
        {"said": 1},
        {"said": 2},
    ]
    assert [c.post(path, {"said": n}, idempotency_key="k").json for n, c in enumerate(callers)] == [
        {"said": 1},
        {"said": 2},
    ]
    assert notes() == {"n": 2}


def test_keys_are_per_path(kernel: KernelClient, notes: Notes) -> None:
    name = script(bump)
    for path in (f"/api/kernel/scripts/{name}", f"/api/kernel/secrets/{name}", f"/api/v1/kernel/scripts/{name}"):
        assert kernel.post(path, {}, idempotency_key="k").status == 200
    assert notes() == {"n": 3}


def test_keys_are_per_organization(kernel: KernelClient, other_tenant: Tenant, notes: Notes) -> None:
    path = f"/api/kernel/scripts/{script(bump)}"
    other = KernelClient(other_tenant.host)
    assert [c.post(path, {}, idempotency_key="k").json for c in (kernel, other)] == [{"said": 1}, {"said": 1}]
    assert other.post(path, {"said": "another body"}, idempotency_key="k").status == 422
    assert notes() == {"n": 1}


def test_a_kept_answer_is_not_shown_to_who_may_no_longer_ask(kernel: KernelClient, tenant: Tenant) -> None:
    caller = api_key(tenant, kernel)
    path = f"/api/kernel/keyed/{script(bump)}"
    assert caller.post(path, {}, idempotency_key="k").status == 200
    with tenant.uow() as uow:
        uow.execute("UPDATE api_key SET revoked_at = %(now)s", {"now": uow.now})
    assert caller.post(path, {}, idempotency_key="k").status == 401


@pytest.mark.parametrize(
    ("_case", "key"),
    [
        ("empty", ""),
        ("256 signs", "k" * 256),
        ("a line break", "a\nb"),
        ("NUL", "a\0b"),
        ("not ASCII", "schlüssel"),
        ("DEL", "\x7f"),
    ],
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_hostile_key_is_refused(kernel: KernelClient, notes: Notes, prefix: str, _case: str, key: str) -> None:
    reply = kernel.post(f"{prefix}/scripts/{script(bump)}", {}, idempotency_key=key)
    sentence = "Idempotency-Key must be 1 to 255 printable ASCII characters"
    assert (reply.status, reply.json, notes()) == (400, error_body(prefix, sentence, "bad_request"), {})


@pytest.mark.parametrize(
    "key", ["k" * 255, "'; DROP TABLE kernel_note; --", '{"$gt": ""}', "%(key)s", " ", "a b", "%s"]
)
def test_a_strange_key_is_only_a_key(kernel: KernelClient, notes: Notes, key: str) -> None:
    again = send(kernel, bump, key)
    assert [again().json, again().json, notes()] == [{"said": 1}, {"said": 1}, {"n": 1}]


# Between two transactions.


def record(uow: UnitOfWork, result: Any) -> Any:
    return {"number": uow.value(BUMP), "result": result}


def asking(do: Callable[[], Any], then: Callable[[UnitOfWork, Any], Any] = record) -> Callable[[Call[Anything]], Any]:
    """A handler that writes its intent, asks a provider, and records the answer."""

    def work(call: Call[Anything]) -> Outside[Any, Any]:
        bump(call)
        return Outside(do, then)

    return work


def test_a_provider_is_asked_once_and_both_transactions_are_kept(kernel: KernelClient, notes: Notes) -> None:
    asked: list[int] = []
    again = send(kernel, asking(lambda: asked.append(1)))
    first, second = again(), again()
    assert (first.status, first.json) == (200, {"said": {"number": 2, "result": None}})
    assert (second.body, second.headers["Idempotent-Replay"]) == (first.body, "true")
    assert (asked, notes()) == ([1], {"n": 2})


def test_no_transaction_is_open_while_a_provider_is_asked(kernel: KernelClient, tenant: Tenant) -> None:
    def do() -> list[Any]:
        return tenant.as_owner("SELECT pid FROM pg_stat_activity WHERE state LIKE 'idle in%%' AND usename LIKE '%%app'")

    assert send(kernel, asking(do))().json["said"]["result"] == []


def test_several_providers_may_be_asked_in_turn(kernel: KernelClient, notes: Notes) -> None:
    def then(uow: UnitOfWork, first: Any) -> Outside[Any, Any]:
        uow.execute(BUMP)
        return Outside(lambda: f"{first}, second", lambda _, result: result)

    reply = send(kernel, asking(lambda: "first", then))()
    assert (reply.json, notes()) == ({"said": "first, second"}, {"n": 2})


def test_a_provider_that_fails_frees_the_key(kernel: KernelClient, notes: Notes) -> None:
    answers: list[Any] = [TimeoutError("no answer"), "paid"]

    def do() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    again = send(kernel, asking(do))
    assert again().status == 500
    assert again().json == {"said": {"number": 3, "result": "paid"}}
    assert notes() == {"n": 3}


def test_a_refusal_after_the_provider_is_kept(kernel: KernelClient, notes: Notes) -> None:
    asked: list[int] = []

    def refuse(uow: UnitOfWork, _result: Any) -> Any:
        uow.execute(BUMP)
        raise Conflict("Declined")

    again = send(kernel, asking(lambda: asked.append(1), refuse))
    first, second = again(), again()
    assert (first.status, second.status, second.headers["Idempotent-Replay"]) == (409, 409, "true")
    assert (asked, notes()) == ([1], {"n": 1})


def test_a_conflict_after_the_provider_is_run_again_without_asking_again(kernel: KernelClient, notes: Notes) -> None:
    import psycopg

    asked: list[int] = []
    conflicts = [psycopg.errors.SerializationFailure(), psycopg.errors.DeadlockDetected()]

    def then(uow: UnitOfWork, _result: Any) -> Any:
        number = uow.value(BUMP)
        if conflicts:
            raise conflicts.pop()
        return number

    reply = send(kernel, asking(lambda: asked.append(1), then))()
    assert (reply.json, asked, notes()) == ({"said": 2}, [1], {"n": 2})


class Killed(BaseException):
    """The process ends here: nothing of ours runs any more."""


def test_a_crash_while_the_provider_is_asked_is_taken_over_after_a_minute(
    kernel: KernelClient, notes: Notes, clock: Clock
) -> None:
    crashes = [Killed()]

    def do() -> str:
        if crashes:
            raise crashes.pop()
        return "paid"

    path = f"/api/kernel/scripts/{script(asking(do))}"
    with pytest.raises(Killed):
        kernel.post(path, {}, idempotency_key="k")
    waiting = kernel.post(path, {}, idempotency_key="k")
    assert (waiting.status, waiting.headers["Retry-After"], notes()) == (409, "1", {"n": 1})
    clock.advance(seconds=58)
    assert kernel.post(path, {}, idempotency_key="k").status == 409
    clock.advance(seconds=4)
    assert kernel.post(path, {"said": "other"}, idempotency_key="k").status == 422
    reply = kernel.post(path, {}, idempotency_key="k")
    assert (reply.status, reply.json) == (200, {"said": {"number": 3, "result": "paid"}})
    assert kernel.post(path, {}, idempotency_key="k").headers["Idempotent-Replay"] == "true"
    assert notes() == {"n": 3}
