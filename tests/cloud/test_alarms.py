"""Whatever the code counts has an alarm or stands on the dashboard; every queue and function is watched."""

import ast
import json
import re

from infra.local import resources as local
from infra.local.options import ROOT
from tests.cloud.deployed import STAGES, deployed, functions, resource_of, resources
from tests.house.source import product

ONLY_SHOWN = {
    "CircuitClosed": "the good end of `CircuitOpened`",
    "GivenUp": "an integrator's receiver was away for a day; he sees it and replays, nobody here can mend it",
    "ProviderUnavailable": "single failures pass; a provider that keeps failing opens its circuit",
    "RefundDue": "staff see what has to go back, and it goes back in its own time",
    "RobotLost": "robots are switched off every evening",
    "UnknownRobot": "a robot that was not registered yet; nothing is lost but its talk",
}
"""Counts without an alarm, each with its reason."""


def counted() -> set[str]:
    """What the product counts: the names given to `log.count`."""
    return {
        ast.literal_eval(call.args[0])
        for source in product()
        for name, call in source.calls()
        if name in ("count", "log.count") and call.args and isinstance(call.args[0], ast.Constant)
    }


def test_everything_counted_is_alarmed_on_or_shown() -> None:
    alarms = resources("AWS::CloudWatch::Alarm").values()
    alarmed = {alarm["MetricName"] for alarm in alarms if alarm.get("Namespace") == "Quartermaster"}
    assert alarmed == counted() - set(ONLY_SHOWN)
    body = json.loads(resources("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"])
    metrics = [metric for widget in body["widgets"] for metric in widget["properties"].get("metrics", [])]
    assert {metric[1] for metric in metrics if metric[0] == "Quartermaster"} == counted()


def test_an_alarm_looks_at_its_own_stage() -> None:
    """Two stages may live in one account; `log.count` counts per stage."""
    alarms = resources("AWS::CloudWatch::Alarm").values()
    own = [alarm["Dimensions"] for alarm in alarms if alarm.get("Namespace") == "Quartermaster"]
    assert own == [[{"Name": "stage", "Value": {"Ref": "Stage"}}]] * len(own)


def test_every_queue_and_function_is_watched() -> None:
    alarms = list(resources("AWS::CloudWatch::Alarm").values())
    queues = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0] for alarm in alarms if alarm.get("Namespace") == "AWS/SQS"
    }
    assert queues == set(resources("AWS::SQS::Queue"))
    for metric in ("Errors", "Throttles"):
        watched = {alarm["Dimensions"][0]["Value"]["Ref"] for alarm in alarms if alarm.get("MetricName") == metric}
        assert watched == {resource_of(function) for function in functions()}


def test_every_alarm_tells_somebody() -> None:
    for stage in STAGES:
        for name, resource in deployed(stage)["Resources"].items():
            if resource["Type"] == "AWS::CloudWatch::Alarm":
                assert (name, len(resource["Properties"]["AlarmActions"])) == (name, 1)
                assert resource["Condition"] in ("HasAlarms", "HasAlarmedClock", "HasAlarmedProxy")


def test_the_readme_says_for_every_alarm_what_to_do() -> None:
    text = (ROOT / "infra" / "README.md").read_text(encoding="utf-8")
    table = text.split("### Alarms and what to do")[1].split("\n### ")[0]
    told = {
        name for row in table.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1] if "|" in row else "")
    }
    queues = "|".join(name.capitalize() for name in local.QUEUES)
    names = [alarm["AlarmName"]["Fn::Sub"].split("}-", 1)[1] for alarm in resources("AWS::CloudWatch::Alarm").values()]
    general = {re.sub(rf"^({queues})-", "QUEUE-", name) for name in names}
    general = {re.sub(r"^\w+-(errors|throttles)$", r"FUNCTION-\1", n) if n != "server-errors" else n for n in general}
    assert told == general
