"""The demo company's day on a whole platform: it is played to its end, and no log line tells of anybody."""

import json
from pathlib import Path

import pytest
import urllib3

from infra.bench.platform import stage
from infra.local.demo import planted
from infra.local.postgres import free_port


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a platform leaves that has played the day and was asked for something private afterwards."""
    folder, port = tmp_path_factory.mktemp("day"), free_port()
    with stage(folder, port):
        for path in (
            "/api/auth/verify-email/hunter2-hunter2",
            "/api/orders/QM-HUNT-ER2?email=hunter2@example.com",
            "/hunter2",
        ):
            urllib3.request("GET", f"http://127.0.0.1:{port}{path}", retries=False, redirect=False)
    return folder


def test_the_day_is_played_to_its_end(data_dir: Path) -> None:
    said = (data_dir / "stage.log").read_text(encoding="utf-8")
    assert "The day took" in said
    assert "WRONG" not in said


def test_no_log_line_tells_of_anybody(data_dir: Path) -> None:
    assert list(planted.leaks(data_dir)) == []


def test_paths_and_queries_are_logged_as_routes(data_dir: Path) -> None:
    written = (data_dir / "logs" / "gateway.log").read_text(encoding="utf-8")
    routes = {line["route"] for text in written.splitlines() if (line := json.loads(text)).get("message") == "request"}
    assert {"GET /api/auth/verify-email/{token}", "GET /api/orders/{order_number}", "-"} <= routes
    assert "hunter2" not in written.lower()


def test_a_planted_value_would_be_found(data_dir: Path) -> None:
    file = data_dir / "logs" / "planted.log"
    file.write_text("mail to maya.holtzman@copperladle.example.com\n", encoding="utf-8")
    assert [found.split(" ")[0] for found in planted.leaks(data_dir)] == ["planted.log:1"]
    file.unlink()
