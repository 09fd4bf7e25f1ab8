"""Counters: of threads, of processes, of work that fails."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from infra.local.meter.counters import Meter, Work, summed
from infra.local.meter.functions import answer_bytes, measured, topic_of
from infra.local.meter.hooks import metric_names
from infra.local.options import ROOT


def test_threads_count_for_their_own_work_and_lose_nothing(tmp_path: Path) -> None:
    meter = Meter(tmp_path)

    def work(name: str) -> None:
        with meter.working(Work("f", name)):
            for _ in range(2000):
                meter.add({"n": 1})

    threads = [threading.Thread(target=work, args=(str(number % 4),)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert summed(tmp_path) == {"f": {str(part): {"n": 8000} for part in range(4)}}


def test_processes_are_added_up_and_the_sum_is_there_when_the_work_is_done(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from infra.local.meter.counters import Meter, Work\n"
        "with (m := Meter(Path(sys.argv[1]))).working(Work('f', 'p')): m.add({'n': 7})"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, tmp_path], cwd=ROOT) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert len(list(tmp_path.glob("*.json"))) == 3
    assert summed(tmp_path) == {"f": {"p": {"n": 21}}}


def test_what_happens_outside_of_functions_is_nobodys(tmp_path: Path) -> None:
    meter = Meter(tmp_path)
    with meter.working(Work("f")):
        meter.add({"n": 1})
    meter.add({"n": 5})
    meter.flush()
    assert summed(tmp_path) == {"f": {"": {"n": 1}}, "outside": {"": {"n": 5}}}
    assert json.loads((tmp_path / f"{os.getpid()}.json").read_text()) == summed(tmp_path)


def test_an_invocation_that_raises_is_billed_too(tmp_path: Path) -> None:
    def fails(_event: object, _context: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        measured(Meter(tmp_path), "f", fails, lambda _event: "p")({}, None)
    counts = summed(tmp_path)["f"]["p"]
    assert counts["invocations"] == 1
    assert set(counts) == {"invocations", "wall_us", "cpu_us"}


def test_an_answer_weighs_its_headers_and_its_decoded_body(tmp_path: Path) -> None:
    answer = {
        "statusCode": 404,
        "headers": {"A": "b"},
        "multiValueHeaders": {"Set-Cookie": ["x", "y"]},
        "body": "AAECAwQF",
        "isBase64Encoded": True,
    }
    weight = len("HTTP/1.1 200 OK\r\n") + len("A: b\r\n") + 2 * len("Set-Cookie: x\r\n") + len("\r\n") + 6
    assert answer_bytes(answer) == weight
    invoke = measured(Meter(tmp_path), "api", lambda _event, _context: answer, lambda _event: "GET /x")
    assert invoke({"httpMethod": "GET"}, None) == answer
    counts = summed(tmp_path)["api"]["GET /x"]
    assert (counts["answer_bytes"], counts["answers 4xx"]) == (weight, 1)


@pytest.mark.parametrize(
    ("_case", "body", "topic"),
    [
        ("an outbox row", {"organization_id": 1, "outbox_id": 2, "topic": "orders.placed"}, "orders.placed"),
        ("what a robot said on its topic", {"topic": "qm/bots/bot-1/state", "payload": {}}, ""),
    ],
)
def test_work_from_queues_is_counted_by_topic(_case: str, body: dict[str, object], topic: str) -> None:
    assert topic_of({"Records": [{"body": json.dumps(body)}]}) == topic


def test_a_metric_is_told_once_for_each_set_of_dimensions() -> None:
    line = json.dumps({
        "_aws": {"CloudWatchMetrics": [{"Dimensions": [["stage"], ["stage", "topic"]], "Metrics": [{"Name": "Dead"}]}]},
        "Dead": 1,
        "stage": "local",
        "topic": "t",
    })  # fmt: skip
    assert metric_names(f'{{"message": "no metric"}}\n{line}\n') == ["Dead stage=local", "Dead stage=local topic=t"]
