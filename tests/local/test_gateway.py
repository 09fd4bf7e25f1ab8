"""The gateway under its real server, around a small function."""

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib.kernel.headers import SECURITY_HEADERS
from infra.local import ports, processes
from infra.local.options import ROOT
from infra.local.postgres import free_port

Reply = tuple[int, http.client.HTTPMessage, bytes]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    chosen, folder = free_port(), tmp_path_factory.mktemp("gateway")
    environment = {
        **os.environ,
        "QM_GATEWAY_FUNCTION": "tests.local.fake_function:handle",
        "QM_CLOCK_FILE": str(folder / "clock"),
        "QM_STAGE": "local",
    }
    command = [sys.executable, "-m", "granian", "--interface", "asginl", "--http", "1", "--no-ws"]
    command += ["--port", str(chosen), "--log-level", "warning", "infra.local.gateway:application"]
    with (folder / "log").open("wb") as log:
        server = processes.start(command, log=log, environment=environment, directory=ROOT)
    try:
        wait_for(chosen, server, folder / "log")
        yield chosen
    finally:
        processes.end(server)


def wait_for(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 15
    while not ports.answers(port):
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def ask(port: int, method: str, target: str, body: bytes = b"", **headers: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, target, body or None, headers)
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read()
    finally:
        connection.close()


def check_headers(headers: http.client.HTTPMessage) -> None:
    """What the gateway says by itself has the headers of every answer."""
    assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert (len(headers["X-Request-Id"]), headers.get_all("Content-Type")) == (36, ["application/json"])


def test_a_request_reaches_the_function_unchanged(port: int) -> None:
    status, headers, body = ask(port, "POST", "/a%2Fb/%C3%BC?x=1&x=2", b"\xff\x00", **{"X-Tag": "t"})
    event = json.loads(body)
    assert (status, headers.get_all("set-cookie")) == (200, ["a=1", "b=2"])
    assert (event["path"], event["multiValueQueryStringParameters"]) == ("/a%2Fb/%C3%BC", {"x": ["1", "2"]})
    assert (event["headers"]["x-tag"], base64.b64decode(event["body"])) == ("t", b"\xff\x00")
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"


def test_a_head_has_no_body(port: int) -> None:
    status, headers, body = ask(port, "HEAD", "/x")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize("path", ["/raises", "/nonsense"])
def test_a_function_that_fails_is_a_502(port: int, path: str) -> None:
    status, headers, body = ask(port, "GET", path)
    assert (status, json.loads(body)) == (502, {"message": "Internal server error"})
    check_headers(headers)


@pytest.mark.parametrize(
    ("path", "keys"),
    [("/api/orders", {"error"}), ("/api/v1/orders", {"error", "code"}), ("/api/v2/requests", {"detail"})],
)
def test_a_body_above_ten_megabytes_is_refused_in_the_surfaces_dialect(port: int, path: str, keys: set[str]) -> None:
    status, headers, body = ask(port, "POST", path, b"x" * 10_000_001, **{"X-Request-Id": "planted"})
    assert (status, json.loads(body).keys()) == (413, keys)
    check_headers(headers)


def test_half_a_body_is_no_request(port: int) -> None:
    """The caller goes away, or sends what are no chunks: the function is not called with what came so far."""
    for half in (b"Content-Length: 10\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\n" + half)
            connection.shutdown(socket.SHUT_WR)
            said = connection.recv(65_536)
        assert said == b"" or said.startswith(b"HTTP/1.1 400")
    assert ask(port, "GET", "/x")[0] == 200


def test_a_body_of_ten_megabytes_passes(port: int) -> None:
    status, _, body = ask(port, "POST", "/x", b"x" * 10_000_000)
    assert (status, len(base64.b64decode(json.loads(body)["body"]))) == (200, 10_000_000)


def test_many_at_once(port: int) -> None:
    with ThreadPoolExecutor(32) as pool:
        paths = [f"/{number}" for number in range(200)]
        replies = list(pool.map(lambda path: ask(port, "GET", path), paths))
    assert [(status, json.loads(body)["path"]) for status, _, body in replies] == [(200, path) for path in paths]


def test_the_clock_is_moved_for_the_platform(port: int) -> None:
    assert json.loads(ask(port, "GET", "/sandbox/clock")[2])["offset_s"] == 0
    assert ask(port, "POST", "/sandbox/clock", b'{"advance_s": 3600}')[0] == 200
    assert json.loads(ask(port, "POST", "/sandbox/clock", b'{"advance_s": 60.5}')[2])["offset_s"] == 3660.5
    assert json.loads(ask(port, "POST", "/sandbox/clock", b'{"offset_s": 0}')[2])["offset_s"] == 0


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"advance_s": "x"}', b'{"offset_s": 1e99}', b'{"offset_s": NaN}']
)
def test_a_clock_that_makes_no_sense_is_refused(port: int, body: bytes) -> None:
    assert ask(port, "POST", "/sandbox/clock", body)[0] == 422
    assert json.loads(ask(port, "GET", "/sandbox/clock")[2])["offset_s"] == 0


@pytest.mark.parametrize(("method", "target"), [("GET", "/sandbox/nothing"), ("DELETE", "/sandbox/clock")])
def test_what_the_sandbox_does_not_have(port: int, method: str, target: str) -> None:
    assert ask(port, method, target)[0] == 404
