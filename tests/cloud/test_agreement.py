"""The template, the code and the local stage name the same queues, schedules, topics, table, bucket and bus."""

import re
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from chalicelib.kernel import jobs, schedules
from chalicelib.kernel.outbox import Queue
from chalicelib.robots.fleet import messages
from infra.local import iot, pumps
from infra.local import resources as local
from infra.package import gateway
from tests.cloud.deployed import API, STAGES, deployed, functions, resource_of, resources

SERIAL = "R-001"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def order(kind: str) -> messages.Outgoing:
    """A robot's order of a kind, as stored."""
    return messages.Outgoing(
        id=1,
        order_id="o-1",
        update_id=0,
        kind=kind,
        status="new",
        serial=SERIAL,
        header_id=1,
        carrier="C013",
        place="P1",
        balcony_id=1,
        subject="o-0",
    )


def attribute(name: str, of: str = "Arn") -> dict[str, Any]:
    return {"Fn::GetAtt": [name, of]}


# Functions.


@pytest.mark.parametrize("stage", STAGES)
def test_the_functions_are_those_of_the_application(stage: str) -> None:
    found = resources("AWS::Serverless::Function", stage)
    assert set(found) == {resource_of(function) for function in functions()}
    handlers = {"app.app" if function == API else f"app.{function}" for function in functions()}
    assert {properties["Handler"] for properties in found.values()} == handlers
    assert resources("AWS::Lambda::Function", stage) == {}


def test_every_path_leads_to_the_live_version_of_its_function() -> None:
    paths = resources("AWS::Serverless::Api")["RestAPI"]["DefinitionBody"]["paths"]
    assert {"/", "/{proxy+}"} < set(paths)
    for path, methods in paths.items():
        prefix = path.removesuffix("/{proxy+}") or "/"
        (live,) = [methods[gateway.ANY]["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"][1]]
        assert (path, live) == (path, {"Live": {"Ref": f"{resource_of(gateway.function_of(prefix))}.Alias"}})
    callable_by_gateway = {p["FunctionName"]["Ref"] for p in resources("AWS::Lambda::Permission").values()}
    assert callable_by_gateway == {"APIHandler.Alias", "VoiceApi.Alias", "WebhooksApi.Alias"}


def test_functions_wait_for_the_migration_step() -> None:
    """New code must not meet an old schema; the step itself waits for no other function, or nothing would begin."""
    template = deployed("prod")["Resources"]
    waiting = {function for function in functions() if "Migration" in template[resource_of(function)]["DependsOn"]}
    assert waiting == set(functions()) - {"migrate"}
    assert template["Migration"]["Properties"]["ServiceToken"] == attribute("Migrate")


# Queues.


def test_the_queues_are_those_of_the_outbox_and_the_robots() -> None:
    assert set(local.QUEUES) == {*get_args(Queue), "telemetry"}
    names = {properties["QueueName"]["Fn::Sub"] for properties in resources("AWS::SQS::Queue").values()}
    expected = {f"${{AWS::StackName}}-{name}{suffix}" for name in local.QUEUES for suffix in ("", "-dead")}
    assert names == expected


@pytest.mark.parametrize("name", local.QUEUES)
def test_a_queue_is_as_on_the_local_stage(name: str) -> None:
    queue = resources("AWS::SQS::Queue")[f"{name.capitalize()}Transport"]
    assert queue["VisibilityTimeout"] == local.VISIBILITY_S
    redrive = {
        "deadLetterTargetArn": attribute(f"{name.capitalize()}DeadLetters"),
        "maxReceiveCount": local.RECEIVE_MAX,
    }
    assert queue["RedrivePolicy"] == redrive


@pytest.mark.parametrize("stage", STAGES)
def test_each_queue_feeds_its_handler_as_on_the_local_stage(stage: str) -> None:
    mappings = [
        (
            mapping["EventSourceArn"],
            mapping["FunctionName"],
            mapping["BatchSize"],
            mapping["FunctionResponseTypes"],
        )
        for mapping in resources("AWS::Lambda::EventSourceMapping", stage).values()
    ]
    expected = [
        (
            attribute(f"{source.queue.capitalize()}Transport"),
            {"Ref": resource_of(source.handler)},
            source.batch,
            ["ReportBatchItemFailures"],
        )
        for source in pumps.SOURCES
    ]
    assert sorted(mappings, key=str) == sorted(expected, key=str)


def test_a_worker_ends_before_its_lease_and_the_lease_before_the_message_returns() -> None:
    workers = resources("AWS::Serverless::Function")
    timeouts = {workers[resource_of(source.handler)]["Timeout"] for source in pumps.SOURCES}
    assert max(timeouts) < jobs.LEASE.total_seconds() < local.VISIBILITY_S
    assert jobs.LEASE < jobs.RESEND_AFTER


# Clock, robots, stores.


@pytest.mark.parametrize("stage", STAGES)
def test_the_schedules_are_those_of_the_code(stage: str) -> None:
    found = {
        properties["Target"]["Arn"]["Fn::GetAtt"][0]: properties["ScheduleExpression"]
        for properties in resources("AWS::Scheduler::Schedule", stage).values()
    }
    assert found == {resource_of(name): rate(interval_s) for name, interval_s in schedules.INTERVALS_S.items()}
    role = resources("AWS::IAM::Role")["ScheduleRole"]["Policies"][0]["PolicyDocument"]["Statement"][0]
    assert role["Resource"] == [attribute(resource_of(name)) for name in schedules.INTERVALS_S]


def rate(interval_s: float) -> str:
    """EventBridge Scheduler, Rate-based schedules; whole minutes only."""
    minutes, rest = divmod(int(interval_s), 60)
    assert rest == 0
    number, unit = (minutes // 60, "hour") if minutes % 60 == 0 else (minutes, "minute")
    return f"rate({number} {unit}{'' if number == 1 else 's'})"


def test_a_schedule_has_time_to_end() -> None:
    timeouts = {name: properties["Timeout"] for name, properties in resources("AWS::Serverless::Function").items()}
    assert timeouts["RelayOutbox"] > schedules.RELAY_RUNS_S
    assert timeouts["Migrate"] <= resources("Custom::Migration")["Migration"]["ServiceTimeout"]


def test_what_robots_say_goes_on_the_telemetry_queue() -> None:
    rules = [rule["TopicRulePayload"] for rule in resources("AWS::IoT::TopicRule").values()]
    topics = [re.search(r"FROM '([^']+)'", rule["Sql"]) for rule in rules]
    assert sorted(topic.group(1) for topic in topics if topic) == sorted(iot.RULE_TOPICS)
    assert all(
        rule["Sql"].startswith("SELECT topic() AS topic, ") and " AS payload FROM " in rule["Sql"] for rule in rules
    )
    assert [rule["Actions"][0]["Sqs"]["QueueUrl"] for rule in rules] == [{"Ref": "TelemetryTransport"}] * 2


def test_a_robot_speaks_and_listens_under_its_own_name_only() -> None:
    policy = resources("AWS::IoT::Policy")["RobotPolicy"]["PolicyDocument"]
    allowed: dict[str, list[str]] = {}
    for statement in policy["Statement"]:
        listed = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        for action in statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]:
            allowed[action] = [entry["Fn::Sub"].rsplit("}:", 1)[1].split("/", 1)[1] for entry in listed]
    mine = "qm/bots/${!iot:Connection.Thing.ThingName}"
    spoken = [f"{mine}/state", f"{mine}/connection"]
    heard = [f"{mine}/order", f"{mine}/instantActions"]
    assert allowed == {
        "iot:Connect": ["${!iot:Connection.Thing.ThingName}"],
        "iot:Publish": spoken,
        "iot:RetainPublish": [f"{mine}/connection"],
        "iot:Subscribe": heard,
        "iot:Receive": heard,
    }
    assert all(
        messages.TOPIC.fullmatch(topic.replace("${!iot:Connection.Thing.ThingName}", SERIAL)) for topic in spoken
    )
    assert [topic.replace("+", SERIAL) for topic in iot.RULE_TOPICS] == [
        t.replace(mine, f"qm/bots/{SERIAL}") for t in spoken
    ]


def test_the_platform_publishes_on_the_topics_that_robots_hear() -> None:
    grants = resources("AWS::IAM::RolePolicy")["RobotsQueuePolicies"]["PolicyDocument"]["Statement"]
    (publish,) = [grant for grant in grants if grant["Action"] == "iot:Publish"]
    kinds = {entry["Fn::Sub"].rsplit("/", 1)[1] for entry in publish["Resource"]}
    sent = {messages.message_of(order(kind), NOW)[0].rsplit("/", 1)[1] for kind in ("bringCarrier", "cancelOrder")}
    assert kinds == sent


def test_the_table_is_the_local_stages() -> None:
    table = resources("AWS::DynamoDB::Table")["Table"]
    assert table["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    assert table["AttributeDefinitions"] == [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert set(resources("AWS::DynamoDB::Table")) == {"Table"}


def test_there_is_one_bucket_of_objects_and_one_bus() -> None:
    assert set(resources("AWS::S3::Bucket")) == {"Objects", "ObjectsLogs"}
    assert resources("AWS::Events::EventBus")["Bus"]["Name"] == {"Ref": "AWS::StackName"}
