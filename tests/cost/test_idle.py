"""The idle month: every resource of every stage is priced or known to be free."""

from decimal import Decimal
from typing import Any

import pytest

from infra.cloud.template import merged
from infra.cost import cloud, idle, samples, sheet
from infra.cost.functions import functions_of
from infra.cost.prices import CostError, assumptions
from infra.cost.template import Template
from tests.cost.samples import idle as nobody_calls

HOURS = Decimal(730)


def month(stage: str, **parameters: Any) -> dict[str, Decimal]:
    """Dollars by what they are for."""
    template = cloud.template(stage, **parameters)
    added: dict[str, Decimal] = {}
    for line in sheet.standing_lines(idle.month_of(template, nobody_calls()), functions_of(template)):
        added[line.what] = added.get(line.what, Decimal(0)) + line.usd
    return added


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_every_resource_is_priced_or_known_to_be_free(stage: str) -> None:
    """Whatever the parameters are: conditions are not asked."""
    types = {resource["Type"] for resource in merged(stage)["Resources"].values() if "Type" in resource}
    types |= {resource.type for resource in cloud.template(stage).resources()}
    assert types - set(idle.FREE) - set(idle.PRICED) == set()
    assert set(idle.FREE) & set(idle.PRICED) == set()


def test_the_lists_name_nothing_that_is_not_there() -> None:
    types = {r["Type"] for stage in ("dev", "prod") for r in merged(stage)["Resources"].values() if "Type" in r}
    types |= {resource.type for resource in cloud.template("prod").resources()}
    assert (set(idle.FREE) | set(idle.PRICED)) - types == set()


def test_a_resource_that_nobody_has_priced_stops_the_sheet() -> None:
    template = cloud.template("dev")
    odd = Template({"Resources": {**template._template["Resources"], "Cache": {"Type": "AWS::ElastiCache::CacheCluster"}},
                    "Parameters": template._template["Parameters"],
                    "Conditions": template._template["Conditions"]})  # fmt: skip
    with pytest.raises(CostError, match="AWS::ElastiCache::CacheCluster"):
        idle.month_of(odd, nobody_calls())


def test_prod_at_rest() -> None:
    found = month("prod")
    assert found["Aurora instances at rest"] == 2 * 1 * HOURS * Decimal("0.12")
    assert found["RDS Proxy"] == 8 * HOURS * Decimal("0.015")
    assert found["NAT gateways"] == 2 * HOURS * Decimal("0.045")
    assert found["public addresses"] == 2 * HOURS * Decimal("0.005")
    assert found["dashboards"] == 3
    receives = 6 * assumptions()["sqs_pollers"] * HOURS * 3600 / assumptions()["sqs_poll_s"]
    assert found["empty receives of the queues' pollers"] == receives * Decimal("0.0000004")


def test_the_relay_runs_nearly_all_the_time_and_the_others_a_moment() -> None:
    template, runs = cloud.template("prod"), HOURS * 60
    gb = functions_of(template).memory_mb("relay_outbox", "") / 1024
    lines = sheet.standing_lines(idle.month_of(template, nobody_calls()), functions_of(template))
    seconds = {
        line.what: line.quantity for line in lines if line.price.name == "lambda_x86_gb_s" and "relay" in line.what
    }
    assert seconds == {"schedule relay_outbox": 55 * gb * runs}
    invocations = {line.what: line.quantity for line in lines if line.price.name == "scheduler_invocations"}
    assert invocations == {
        "schedule relay_outbox": runs,
        "schedule seal_audit": runs,
        "schedule expire_holds": runs,
        "schedule purge_expired": HOURS,
        "schedule sync_connectors": runs / 5,
        "schedule settle_payments": runs / 5,
        "schedule count_key_uses": runs / 5,
        "schedule score_customers": HOURS,
        "schedule reconcile_payments": HOURS,
    }


def test_schedules_keep_a_database_awake_that_could_pause() -> None:
    assert month("dev")["Aurora instances at rest"] == HOURS * Decimal("0.5") * Decimal("0.12")
    asleep = month("dev", Schedules="DISABLED")
    assert "Aurora instances at rest" not in asleep
    assert not [what for what in asleep if what.startswith("schedule")]


def test_warm_environments_cost_by_the_second() -> None:
    kept = month("prod", ApiProvisionedConcurrency=2)["environments kept warm"]
    gb = functions_of(cloud.template("prod")).memory_mb("api", "GET /") / 1024
    assert kept == 3 * 2 * gb * HOURS * 3600 * Decimal("0.0000041667")
    assert "environments kept warm" not in month("prod")


def test_a_larger_database_makes_a_dearer_proxy() -> None:
    assert month("prod", DatabaseMinAcu=8)["RDS Proxy"] == 16 * HOURS * Decimal("0.015")


def test_metrics_that_are_told_although_nobody_calls_cost_by_the_month() -> None:
    told = nobody_calls()
    told.parts["seal_audit", ""]["metric AuditChainBroken stage=prod"] = 5
    template = cloud.template("dev")
    assert idle.Standing("custom metrics", {"metrics": Decimal(1)}) in idle.month_of(template, told)


def test_a_schedule_that_was_never_seen_stops_the_sheet() -> None:
    nothing = samples.Sample({}, {}, 1.0, {})
    with pytest.raises(CostError, match="seal_audit did not run"):
        idle.month_of(cloud.template("dev"), nothing)
