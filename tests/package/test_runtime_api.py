"""Our Runtime API, spoken to by Lambda's own runtime client: answers, errors, and ends of every kind."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.package.lambdas import LambdaFunction
from infra.package.runtime_api import RESPONSE_BYTES_MAX, FunctionFailed
from tests.package.conftest import Start

ECHO = "def handle(event, context): return event"


def failure(function: LambdaFunction, event: object = None) -> FunctionFailed:
    with pytest.raises(FunctionFailed) as failed:
        function.call(event)
    return failed.value


def test_a_function_answers(start: Start) -> None:
    function = start(ECHO)
    assert [function.call(event) for event in ({"a": [1, None, "ä"]}, None, "x" * 1_000_000)] == [
        {"a": [1, None, "ä"]},
        None,
        "x" * 1_000_000,
    ]


def test_a_function_learns_who_and_where_it_is(start: Start) -> None:
    function = start(
        "import os\n"
        "def handle(event, context):\n"
        "    return [context.function_name, context.invoked_function_arn, os.environ['LAMBDA_TASK_ROOT'] == os.getcwd(),\n"
        "            context.get_remaining_time_in_millis() // 1000 in (39, 40), context.memory_limit_in_mb]"
    )
    arn = "arn:aws:lambda:us-east-1:000000000000:function:handle"
    assert function.call({}) == ["handle", arn, True, True, "1024"]


def test_neither_the_checkout_nor_its_environment_is_on_the_path(start: Start) -> None:
    function = start(
        "import sys\n"
        "from importlib.util import find_spec\n"
        "def handle(event, context):\n"
        "    return [name for name in event if find_spec(name)]"
    )
    names = ["boto3", "awslambdaric", "infra", "tests", "pytest", "chalice", "pydantic", "pip"]
    assert function.call(names) == ["boto3", "awslambdaric"]


def test_an_exception_is_told_and_the_next_event_is_served(start: Start) -> None:
    function = start("def handle(event, context): return 1 / event")
    failed = failure(function, 0)
    assert (failed.kind, failed.error["errorType"], failed.error["errorMessage"]) == (
        "Runtime.Unknown",
        "ZeroDivisionError",
        "division by zero",
    )
    assert function.call(4) == 0.25


@pytest.mark.parametrize(
    ("text", "error_type"),
    [
        ("import nothing_of_this_name", "Runtime.ImportModuleError"),
        ("def handel(event, context): ...", "Runtime.HandlerNotFound"),
        ("def handle(:", "Runtime.UserCodeSyntaxError"),
        ("raise RuntimeError('no')", "RuntimeError"),
    ],
)
def test_a_function_that_cannot_start_says_why(start: Start, text: str, error_type: str) -> None:
    function = start(text)
    assert failure(function).error["errorType"] == error_type
    assert failure(function).error["errorType"] == error_type, "and it keeps saying it"


def test_a_process_that_ends_fails_its_event_and_all_later_ones(start: Start) -> None:
    function = start("import os\ndef handle(event, context): os._exit(3)")
    for _ in range(2):
        failed = failure(function)
        assert (failed.kind, failed.error["errorMessage"]) == (
            "Runtime.ExitError",
            "the function's process ended with 3",
        )


def test_a_process_that_is_killed_fails_its_event(start: Start) -> None:
    function = start("import time\ndef handle(event, context):\n    print('here', flush=True)\n    time.sleep(60)")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(failure, function)
        while "here" not in function.last_words():
            time.sleep(0.01)
        os.kill(function.process.pid, signal.SIGKILL)
        assert waiting.result().kind == "Runtime.ExitError"


def test_an_answer_that_is_too_large_is_refused_as_lambda_does(start: Start) -> None:
    function = start("def handle(event, context): return 'x' * event")
    assert len(function.call(RESPONSE_BYTES_MAX - 2)) == RESPONSE_BYTES_MAX - 2
    assert failure(function, RESPONSE_BYTES_MAX - 1).kind == "Function.ResponseSizeTooLarge"


def test_a_function_that_takes_too_long_is_given_up(start: Start) -> None:
    function = start("import time\ndef handle(event, context): time.sleep(60)")
    function.timeout_s = 0.2
    assert failure(function).kind == "Sandbox.Timedout"


def test_events_of_many_threads_are_served_one_by_one(start: Start) -> None:
    function = start(
        "running = 0\n"
        "def handle(event, context):\n"
        "    global running\n"
        "    running += 1\n"
        "    seen, running = running, running - 1\n"
        "    return [event, seen]"
    )
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(function.call, range(200))) == [[number, 1] for number in range(200)]
