"""From what the meter counted to what AWS would bill: one place for every difference between loopback and the cloud.

1. **Time.** Lambda bills wall time by begun milliseconds. Of ours, the processor's part is stretched by the share of a
   processor that the function's memory buys, and the network's waits are added, which loopback does not have: so many
   milliseconds for each statement, AWS call and provider's call (assumptions.toml). What was measured and what is assumed
   stand in lines of their own.
2. **Schedules** run more often here than on AWS and cost what they cost whether anybody orders or not: they belong to the
   idle month (idle.py). Of the relay only what it sends belongs to the day.
3. **Queues.** Here a pump receives, on AWS Lambda's pollers do: one receive and one batched delete an invocation, and the
   empty receives of an idle queue belong to the idle month. The pumps' own calls are left out.
4. **Robots.** Each message that the rule forwards is one request of SQS; what robots say when nothing happens is priced a
   robot and month.
5. **The day's own questions** (OWN_QUESTIONS) are nobody's business in a real one and are left out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from chalicelib.kernel.schedules import INTERVALS_S
from infra.cost.functions import DeployedFunctions
from infra.cost.prices import CostError, assumptions
from infra.cost.samples import Parts, Sample

OWN_QUESTIONS = frozenset({"GET /api/books"})
OUTSIDE, RULE, RELAY = "outside", "iot_rule", "relay_outbox"
PIECES_THAT_ARE_NO_FUNCTION = frozenset({OUTSIDE, RULE})
GB = Decimal(10**9)
MEASURED, ASSUMED = "lambda time, measured", "lambda time, waits assumed"

Quantities = dict[str, Decimal]
"""Price name -> units. Lambda's time stands under MEASURED and ASSUMED, in GB-seconds."""
DIRECT = {
    "dynamodb_write_units": "dynamodb_write_units",
    "sqs_sends": "sqs_requests",
    "sqs_look_ups": "sqs_requests",
    "s3_puts": "s3_puts",
    "s3_gets": "s3_gets",
    "eventbridge_events": "eventbridge_events",
    "iot_messages": "iot_messages",
    "iot_rules": "iot_rules",
    "iot_actions": "iot_actions",
    "secret_reads": "secret_reads",
    "kms_requests": "kms_requests",
}
"""Measure -> price, one to one."""


@dataclass(frozen=True)
class Piece:
    """A piece of work and what it would be billed."""

    function: str
    part: str
    quantities: Quantities
    invocations: int


def pieces_of(sample: Sample, functions: DeployedFunctions) -> list[Piece]:
    """What callers caused, piece by piece. Raises CostError for an AWS call that nobody has priced."""
    _check_known(sample.parts)
    return [
        Piece(function, part, _quantities(function, part, counts, functions), counts["invocations"])
        for (function, part), counts in sample.parts.items()
        if function != OUTSIDE and part not in OWN_QUESTIONS and (function == RELAY or function not in INTERVALS_S)
    ]


def total(pieces: Iterable[Piece]) -> Quantities:
    """The quantities of several pieces together."""
    added: defaultdict[str, Decimal] = defaultdict(Decimal)
    for piece in pieces:
        for name, quantity in piece.quantities.items():
            added[name] += quantity
    return dict(added)


def _check_known(parts: Parts) -> None:
    unknown = {measure for counts in parts.values() for measure in counts if measure.startswith("unknown ")}
    if unknown:
        calls = ", ".join(sorted(measure.removeprefix("unknown ") for measure in unknown))
        raise CostError(f"{calls}: say in infra/local/meter/units.py what the call is billed as")


def _quantities(function: str, part: str, counts: Counter[str], functions: DeployedFunctions) -> Quantities:
    if function == RELAY:
        return {"sqs_requests": Decimal(counts["sqs_sends"])}
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for measure, price in DIRECT.items():
        found[price] += counts[measure]
    found["dynamodb_read_units"] += Decimal(counts["dynamodb_read_half_units"]) / 2
    if function == RULE:
        found["sqs_requests"] += counts["iot_heard"]
    else:
        for name, quantity in invoked(counts, functions.memory_mb(function, part)).items():
            found[name] += quantity
    if function.endswith("_queue"):
        found["sqs_requests"] += 2 * counts["invocations"]
    if function == "api":
        requests = Decimal(counts["invocations"])
        found["api_requests"] += requests
        found["waf_requests"] += requests * functions.has_firewall
        found["log_gb"] += requests * functions.access_log_bytes / GB
        found["data_out_gb"] += counts["answer_bytes"] / GB
    return {name: quantity for name, quantity in found.items() if quantity}


def invoked(counts: Counter[str], memory_mb: Decimal) -> Quantities:
    """What running a function costs: requests, time, logs, what leaves through the NAT gateway, cold starts."""
    said = assumptions()
    invocations = Decimal(counts["invocations"])
    gb = memory_mb / 1024
    cold_starts = invocations / said["requests_per_cold_start"]
    log_bytes = counts["log_bytes"] + said["platform_log_bytes"] * invocations
    return {
        "lambda_requests": invocations,
        MEASURED: measured_ms(counts, memory_mb) / 1000 * gb,
        ASSUMED: (assumed_ms(counts) + cold_starts * said["cold_start_ms"]) / 1000 * gb,
        "log_gb": log_bytes / GB,
        "nat_gb": _nat_kb(counts) * 1000 / GB,
        **read_secrets(cold_starts),
    }


def _nat_kb(counts: Counter[str]) -> Decimal:
    """What leaves through the NAT gateway: providers, and AWS but for DynamoDB and S3, which have doors of their own."""
    said = assumptions()
    aws = counts["sqs_sends"] + counts["sqs_look_ups"] + counts["iot_publishes"] + counts["eventbridge_events"]
    return sum(provider_calls(counts).values()) * said["provider_call_kb"] + aws * said["aws_call_kb"]


def read_secrets(environments: Decimal) -> Quantities:
    """What environments read of Secrets Manager when they start; each read decrypts with our key."""
    reads = environments * assumptions()["secrets_a_function"]
    return {"secret_reads": reads, "kms_requests": reads}


def measured_ms(counts: Counter[str], memory_mb: Decimal) -> Decimal:
    """Billed milliseconds: waits as they were, processor time stretched, and half of one more where it is rounded up."""
    share = min(Decimal(1), memory_mb / assumptions()["vcpu_memory_mb"])
    cpu = Decimal(counts["cpu_us"]) / 1000
    wait = Decimal(counts["wall_us"]) / 1000 - cpu
    return wait + cpu / share + Decimal(counts["invocations"]) / 2


def assumed_ms(counts: Counter[str]) -> Decimal:
    """Milliseconds that the network of a real region adds."""
    said = assumptions()
    return (
        counts["sql_statements"] * said["sql_wait_ms"]
        + counts["aws_calls"] * said["aws_wait_ms"]
        + sum((said[_wait(name)] * number for name, number in provider_calls(counts).items()), Decimal(0))
    )


def _wait(provider: str) -> str:
    return "smtp_wait_ms" if provider == "smtp" else "provider_wait_ms"


def provider_calls(counts: Mapping[str, int]) -> dict[str, int]:
    """Calls by provider."""
    prefix = "provider_calls "
    return {measure.removeprefix(prefix): n for measure, n in counts.items() if measure.startswith(prefix)}
