"""Every function may do what its code can come to call, on its own queue, table, bucket, secret and topic; nothing else."""

import json
from typing import Any

import pytest

from chalicelib import routes
from infra.local.pumps import SOURCES
from tests.cloud.deployed import deployed, functions, resource_of, resources
from tests.cloud.reach import actions, database_roles, reached, settings_read

LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
DECRYPT = {"kms:Decrypt"}
POLL = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
"""What Lambda does in a function's name."""
QUEUE_OF = {source.handler: source.queue for source in SOURCES}
SECRET_OF_ROLE = {
    "application": {"Ref": "DatabaseApplicationSecret"},
    "owner": {"Ref": "DatabaseOwnerSecret"},
    "master": {"Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"]},
}


def statements(function: str) -> list[dict[str, Any]]:
    policy = deployed("prod")["Resources"][f"{resource_of(function)}Policies"]["Properties"]
    assert policy["RoleName"] == {"Ref": f"{resource_of(function)}Role"}
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def granted(function: str) -> set[str]:
    return {action for statement in statements(function) for action in as_list(statement["Action"])}


def where(function: str, action: str) -> list[Any]:
    """The resources on which a function may do something."""
    found = [s["Resource"] for s in statements(function) if action in as_list(s["Action"])]
    return [resource for resource_list in found for resource in as_list(resource_list)]


@pytest.mark.parametrize("function", sorted(functions()))
def test_a_function_may_do_what_its_code_calls_and_no_more(function: str) -> None:
    called = actions(reached(functions()[function]))
    of_lambda = LOGS | (POLL if function in QUEUE_OF else set())
    assert granted(function) == called | of_lambda | (DECRYPT if "secretsmanager:GetSecretValue" in called else set())


@pytest.mark.parametrize("function", sorted(functions()))
def test_a_function_reads_the_secrets_that_its_code_asks_for(function: str) -> None:
    nodes = reached(functions()[function])
    wanted = [SECRET_OF_ROLE[role] for role in sorted(database_roles(nodes))]
    if "secret_id" in settings_read(nodes):
        wanted.append({"Ref": "ApplicationSecret"})
    assert sorted(where(function, "secretsmanager:GetSecretValue"), key=str) == sorted(wanted, key=str)


@pytest.mark.parametrize("function", sorted(QUEUE_OF))
def test_a_worker_reads_its_own_queue_and_writes_its_own_dead_letters(function: str) -> None:
    name = QUEUE_OF[function].capitalize()
    assert where(function, "sqs:ReceiveMessage") == [{"Fn::GetAtt": [f"{name}Transport", "Arn"]}]
    dead = [{"Fn::GetAtt": [f"{name}DeadLetters", "Arn"]}]
    assert where(function, "sqs:SendMessage") == (dead if "sqs:SendMessage" in granted(function) else [])


def test_objects_are_written_as_objects_and_missed_in_their_bucket() -> None:
    assert where("api_handler", "s3:GetObject") == [{"Fn::Sub": "${Objects.Arn}/*"}]
    assert where("api_handler", "s3:ListBucket") == [{"Fn::GetAtt": ["Objects", "Arn"]}]
    assert where("work_queue", "s3:DeleteObject") == [{"Fn::Sub": "${Objects.Arn}/*"}]


def test_the_relay_sends_to_every_queue_of_the_outbox() -> None:
    queues = sorted({queue.capitalize() for queue, _ in routes.CONSUMERS.values()})
    sends = sorted(where("relay_outbox", "sqs:SendMessage"), key=str)
    assert sends == [{"Fn::GetAtt": [f"{name}Transport", "Arn"]} for name in queues]


def test_rights_name_their_resources() -> None:
    """A star stands where AWS knows no resource: network interfaces before they exist, traces."""
    wide = {
        f"{name}: {', '.join(as_list(statement['Action']))}"
        for name, properties in resources("AWS::IAM::ManagedPolicy").items()
        for statement in properties["PolicyDocument"]["Statement"]
        if "*" in as_list(statement["Resource"])
    }
    assert {line.split(":")[0] for line in wide} == {"InterfacesPolicy", "TracesPolicy"}
    grants = [statement for function in functions() for statement in statements(function)]
    assert [statement for statement in grants if "*" in as_list(statement["Resource"])] == []
    assert [statement for statement in grants if "*" in json.dumps(statement["Action"])] == []
    assert {statement["Effect"] for statement in grants} == {"Allow"}


@pytest.mark.parametrize("function", sorted(functions()))
def test_a_function_has_a_role_and_a_log_of_its_own(function: str) -> None:
    name = resource_of(function)
    properties = deployed("prod")["Resources"][name]["Properties"]
    assert properties["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
    assert properties["LoggingConfig"] == {"LogGroup": {"Ref": f"{name}Logs"}}
    assert where(function, "logs:PutLogEvents") == [{"Fn::GetAtt": [f"{name}Logs", "Arn"]}]
