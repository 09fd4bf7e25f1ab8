"""Messages to robots leave through IoT Core, again when it cannot be reached, and none is lost."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from chalicelib.adapters import iot
from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable
from tests.circuits import close_all
from tests.factories.robots import make_storage, published
from tests.tenant import Clock, Tenant


class Answering(BaseHTTPRequestHandler):
    """Answers every publish with the server's status."""

    def do_POST(self) -> None:
        """A publish."""
        server = self.server
        assert isinstance(server, DataPlane)
        server.seen.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        status, code = server.answer
        self.send_response(status)
        if code:
            self.send_header("x-amzn-ErrorType", code)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class DataPlane(HTTPServer):
    """An IoT data plane that answers as it is told."""

    answer: tuple[int, str] = (200, "")

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.seen: list[tuple[str, bytes]] = []


@pytest.fixture
def data_plane(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataPlane]:
    """The adapter's endpoint for this test."""
    with DataPlane() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IOT_DATA_PLANE", f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        iot.robot_bus.cache_clear()
        close_all()
        yield server
        server.shutdown()
    iot.robot_bus.cache_clear()
    close_all()


def test_a_message_is_published_at_least_once(data_plane: DataPlane) -> None:
    iot.robot_bus().publish("qm/bots/bot-1/order", b'{"a": 1}')
    assert data_plane.seen == [("/topics/qm%2Fbots%2Fbot-1%2Forder?qos=1", b'{"a": 1}')]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((400, "InvalidRequestException"), ProviderRefused),
        ((403, "UnauthorizedException"), ProviderUnavailable),
        ((429, "ThrottlingException"), ProviderUnavailable),
        ((503, "ServiceUnavailableException"), ProviderUnavailable),
    ],
)
def test_a_no_is_told_from_not_now(data_plane: DataPlane, answer: tuple[int, str], expected: type[Exception]) -> None:
    data_plane.answer = answer
    with pytest.raises(expected):
        iot.robot_bus().publish("qm/bots/bot-1/order", b"{}")


def test_too_large_a_message_is_refused_here(data_plane: DataPlane) -> None:
    with pytest.raises(ProviderRefused):
        iot.robot_bus().publish("qm/bots/bot-1/order", b"x" * (iot.BYTES_MAX + 1))
    assert data_plane.seen == []


def test_nobody_there_is_unavailable(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_IOT_DATA_PLANE", "http://127.0.0.1:9")
    with pytest.raises(ProviderUnavailable):
        iot.IotCore().publish("qm/bots/bot-1/order", b"{}")


def test_an_order_that_could_not_leave_leaves_later(tenant: Tenant, data_plane: DataPlane, clock: Clock) -> None:
    storage = make_storage(tenant)
    data_plane.answer = (503, "ServiceUnavailableException")
    storage.ask((storage.load(2), 1))
    tenant.work_off()
    assert tenant.value("SELECT count(*) FROM robot_order WHERE sent_at IS NULL") == 1
    assert tenant.value("SELECT count(*) FROM outbox WHERE closed_at IS NULL AND last_error IS NOT NULL") == 1
    data_plane.answer, tried = (200, ""), len(data_plane.seen)
    clock.advance(seconds=30)
    tenant.work_off()
    order = json.loads(data_plane.seen[tried][1])
    assert (order["serialNumber"], order["orderUpdateId"], len(data_plane.seen)) == (storage.serials[0], 0, tried + 1)
    assert tenant.value("SELECT count(*) FROM outbox WHERE closed_at IS NULL") == 0
    assert published(storage.serials[0]) == []
