"""Whatever the code counts has an alarm or stands on the dashboard; every queue and function is watched."""

import ast
import json

from tests.cloud.deployed import STAGES, deployed, functions, resource_of, resources
from tests.house.source import product

ONLY_SHOWN = {
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
                assert resource["Condition"] in ("HasAlarms", "HasAlarmedProxy")
