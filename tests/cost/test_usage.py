"""From counts to what AWS would bill."""

from collections import Counter
from decimal import Decimal

import pytest

from infra.cost import cloud, usage
from infra.cost.functions import functions_of, resource_name
from infra.cost.prices import CostError, assumptions
from tests.cost.samples import day, sample

FUNCTIONS = functions_of(cloud.template("prod"))


def quantities(**counts: int) -> usage.Quantities:
    return usage.total(usage.pieces_of(sample({("api", "GET /api/me"): {"invocations": 1, **counts}}), FUNCTIONS))


def test_a_request_is_one_of_each() -> None:
    found = quantities(wall_us=1000, cpu_us=1000)
    assert found["api_requests"] == found["waf_requests"] == found["lambda_requests"] == 1


def test_time_is_stretched_by_the_share_of_a_processor() -> None:
    counts = Counter({"invocations": 2, "wall_us": 30_000, "cpu_us": 10_000})
    assert usage.measured_ms(counts, Decimal(1769)) == 20 + 10 + 1
    assert usage.measured_ms(counts, Decimal("884.5")) == 20 + 20 + 1
    assert usage.measured_ms(counts, Decimal(3538)) == 20 + 10 + 1  # a second processor helps no single thread


def test_waits_that_loopback_does_not_have_are_added_and_told_apart() -> None:
    said = assumptions()
    calls = {"sql_statements": 3, "aws_calls": 2, "provider_calls stripe": 1, "provider_calls smtp": 1}
    added = 3 * said["sql_wait_ms"] + 2 * said["aws_wait_ms"] + said["provider_wait_ms"] + said["smtp_wait_ms"]
    assert usage.assumed_ms(Counter(calls)) == added
    gb = FUNCTIONS.memory_mb("api", "GET /api/me") / 1024
    difference = quantities(**calls)[usage.ASSUMED] - quantities()[usage.ASSUMED]
    assert difference == added / 1000 * gb
    assert quantities(**calls)[usage.MEASURED] == quantities()[usage.MEASURED]


def test_half_units_are_halved() -> None:
    assert quantities(dynamodb_read_half_units=3)["dynamodb_read_units"] == Decimal("1.5")


def test_lambdas_pollers_stand_for_the_pumps() -> None:
    """One send of the relay; a receive and a removal for each of three invocations; two messages through the rule."""
    assert usage.total(usage.pieces_of(day(), FUNCTIONS))["sqs_requests"] == 1 + 2 * 3 + 2


def test_schedules_pumps_and_the_days_own_questions_are_left_out() -> None:
    pieces = usage.pieces_of(day(), FUNCTIONS)
    assert {(piece.function, piece.part) for piece in pieces} == {
        ("api", "POST /api/orders"),
        ("api", "POST /api/shipping/fulfill"),
        ("work_queue", "orders.placed"),
        ("telemetry_queue", ""),
        ("iot_rule", ""),
        ("relay_outbox", ""),
    }
    assert usage.total(pieces)["lambda_requests"] == 5


def test_a_call_that_nobody_has_priced_stops_the_sheet() -> None:
    with pytest.raises(CostError, match=r"polly\.Speak"):
        quantities(**{"unknown polly.Speak": 1})


def test_a_function_that_the_template_does_not_have_stops_the_sheet() -> None:
    with pytest.raises(CostError, match="GhostQueue"):
        usage.pieces_of(sample({("ghost_queue", "t"): {"invocations": 1}}), FUNCTIONS)


@pytest.mark.parametrize(
    ("function", "part", "resource"),
    [
        ("api", "POST /api/orders", "APIHandler"),
        ("api", "POST /api/webhooks/stripe", "WebhooksApi"),
        ("api", "POST /api/voice/check_order_status", "VoiceApi"),
        ("api", "-", "APIHandler"),
        ("work_queue", "orders.placed", "WorkQueue"),
    ],
)
def test_work_is_priced_by_the_memory_of_its_function(function: str, part: str, resource: str) -> None:
    said = FUNCTIONS.by_name[resource].properties["MemorySize"]
    assert FUNCTIONS.memory_mb(function, part) == Decimal(str(said))


def test_names_of_resources_are_chalices() -> None:
    from chalice.utils import to_cfn_resource_name

    for name in ("work_queue", "relay_outbox", "voice_api", "migrate"):
        assert resource_name(name) == to_cfn_resource_name(name)
