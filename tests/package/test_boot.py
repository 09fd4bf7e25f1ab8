"""The built package, started as Lambda starts it, takes an order from the catalogue to the mail that says it is paid."""

from collections.abc import Iterator

import pytest

from infra.package import Built, ground
from infra.package.boot import booted
from infra.package.ground import Ground
from infra.package.lambdas import Lambdas
from infra.package.play import Path


@pytest.fixture(scope="module")
def on() -> Iterator[Ground]:
    """PostgreSQL without a schema, an AWS emulator, provider doubles."""
    with ground.running() as started:
        yield started


@pytest.fixture(scope="module")
def lambdas(built: Built, on: Ground) -> Iterator[Lambdas]:
    """The package's functions, after its own migration step, with the demo company."""
    with booted(built.package, on) as started:
        applied = started.call("migrate", {})["applied"]
        assert applied[0] == "0001_kernel"
        assert started.call("migrate", {})["applied"] == []
        on.prepare("resources")
        on.prepare("demo")
        yield started


def test_an_order_from_the_catalogue_to_its_mails(lambdas: Lambdas, on: Ground) -> None:
    told: list[str] = []
    path = Path(lambdas, on, told.append)
    figures = path.play()
    assert path.mails == [
        f"We have received your order {path.order_number}",
        f"Your payment for order {path.order_number} has arrived",
    ]
    print("\n".join([*told, str(figures)]))  # noqa: T201  # the figures of this run, for whoever reads CI
    assert 0 < figures.memory_max_bytes < 1024 * 1024 * 1024


def test_a_second_play_finds_its_way_too(lambdas: Lambdas, on: Ground) -> None:
    """Warm functions, used connections: nothing of the first order is in the way of the second."""
    path = Path(lambdas, on, lambda _: None)
    path.play()
    assert len(path.mails) == 2


def test_robots_are_heard_and_their_work_is_done(lambdas: Lambdas, on: Ground) -> None:
    """The two functions that the order path does not reach."""
    assert lambdas.call("telemetry_queue", {"Records": []}) == {"batchItemFailures": []}
    assert lambdas.call("robots_queue", {"Records": []}) == {"batchItemFailures": []}


def test_refusals_come_in_the_dialect_of_their_surface(lambdas: Lambdas, on: Ground) -> None:
    path = Path(lambdas, on, lambda _: None)
    assert path.call("GET", "/api/nothing", expect=404) == {"error": "Not found"}
    assert path.call("POST", "/api/voice/check_order_status", {}, expect=401).keys() == {"error"}
    assert path.call("GET", "/api/v2/jobs", expect=401).keys() == {"detail"}
    assert path.call("POST", "/api/webhooks/stripe", {}, expect=401) == {"error": "Invalid signature"}


def test_pages_and_their_files_are_served_from_the_package(lambdas: Lambdas, on: Ground) -> None:
    path = Path(lambdas, on, lambda _: None)
    assert path.call("GET", "/api/openapi.json")["openapi"].startswith("3.1")
    for page in ("/docs", "/docs/swagger-ui.css", "/docs/favicon-32x32.png"):
        assert path.send("GET", page)[0] == 200
