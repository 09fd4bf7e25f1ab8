"""Keys and passwords change, and whoever signed in before stays signed in."""

import json
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from infra.deploy import keys
from infra.deploy.errors import DeployError
from infra.deploy.operate import command
from tests.deploy.conftest import Site

PHYSICAL = "ApplicationSecret-physical"
DATABASE = "DatabaseApplicationSecret-physical"


@pytest.fixture
def installed(site: Site) -> Any:
    """A deployed stage whose secrets have the names that the double gives them."""
    site.deploy()
    secretsmanager = boto3.client("secretsmanager")
    platform = {"jwt_keys": "k1:one", "hash_key": "first", "stripe_api_key": "sk"}
    for name, document in {PHYSICAL: platform, DATABASE: {"username": "quartermaster_app", "password": "old"}}.items():
        secretsmanager.create_secret(Name=name, SecretString=json.dumps(document))
    yield site
    for name in (PHYSICAL, DATABASE):
        secretsmanager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def rotate(site: Site, kind: keys.Kind, meanwhile: Any = lambda: None, lambda_: Any = None) -> list[float]:
    """Rotates; `meanwhile` is done while everybody learns the new key. How long was waited."""
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        meanwhile()

    keys.rotate(kind, boto3.client("secretsmanager"), lambda_, site.stack, wait=wait)
    return waited


def test_a_new_signing_key_is_known_before_it_signs(installed: Site) -> None:
    seen: list[list[str]] = []
    waited = rotate(installed, "jwt", lambda: seen.append(installed.secret(PHYSICAL)["jwt_keys"].split()))
    (during,), after = seen, installed.secret(PHYSICAL)
    assert (during[0], len(during), waited) == ("k1:one", 2, [360.0])
    assert after["jwt_keys"].split() == [during[1], "k1:one"]
    assert {name: after[name] for name in ("hash_key", "stripe_api_key")} == {
        "hash_key": "first",
        "stripe_api_key": "sk",
    }
    assert during[1] not in "".join(installed.said)


def test_the_oldest_signing_keys_are_dropped(installed: Site) -> None:
    for _ in range(3):
        rotate(installed, "jwt")
    found = installed.secret(PHYSICAL)["jwt_keys"].split()
    assert (len(found), "k1:one" in found) == (3, False)


def test_hash_keys_are_never_dropped(installed: Site) -> None:
    for _ in range(4):
        rotate(installed, "hash")
    found = installed.secret(PHYSICAL)["hash_key"].split()
    assert (len(found), len(set(found)), found[-1]) == (5, 5, "first")


def test_what_somebody_changes_meanwhile_stays(installed: Site) -> None:
    def provider_key() -> None:
        document = {**installed.secret(PHYSICAL), "stripe_api_key": "sk_new"}
        boto3.client("secretsmanager").put_secret_value(SecretId=PHYSICAL, SecretString=json.dumps(document))

    rotate(installed, "jwt", provider_key)
    found = installed.secret(PHYSICAL)
    assert (found["stripe_api_key"], len(found["jwt_keys"].split())) == ("sk_new", 2)


def test_two_rotations_at_once_do_not_undo_each_other(installed: Site) -> None:
    def another() -> None:
        document = {**installed.secret(PHYSICAL), "jwt_keys": "k9:theirs k1:one"}
        boto3.client("secretsmanager").put_secret_value(SecretId=PHYSICAL, SecretString=json.dumps(document))

    with pytest.raises(DeployError, match="changed by somebody else meanwhile"):
        rotate(installed, "jwt", another)
    assert installed.secret(PHYSICAL)["jwt_keys"] == "k9:theirs k1:one"


def answering(*answers: tuple[str, dict[str, Any], Any, str | None]) -> tuple[Any, Stubber]:
    """A client of Lambda that expects invocations: function, event, its answer, its kind of error."""
    client = boto3.client("lambda")
    stubber = Stubber(client)
    for function, event, answer, error in answers:
        body = json.dumps(answer).encode()
        response: dict[str, Any] = {"StatusCode": 200, "Payload": StreamingBody(_Bytes(body), len(body))}
        if error:
            response["FunctionError"] = error
        stubber.add_response("invoke", response, {"FunctionName": function, "Payload": json.dumps(event).encode()})
    stubber.activate()
    return client, stubber


class _Bytes:
    """A body as urllib3 hands it to botocore."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, *_: object) -> bytes:
        """Everything, once."""
        content, self._content = self._content, b""
        return content


def test_a_password_is_changed_in_the_secret_and_then_in_the_database(installed: Site) -> None:
    client, stubber = answering(("Migrate-physical", {}, {"made": [], "applied": [], "version": 9}, None))
    assert rotate(installed, "database", lambda_=client) == []
    stubber.assert_no_pending_responses()
    found = installed.secret(DATABASE)
    assert (found["username"], len(found["password"])) == ("quartermaster_app", 64)
    assert found["password"] not in "".join(installed.said)


def test_a_step_that_fails_is_said(installed: Site) -> None:
    said = {"errorType": "WrongLogin", "errorMessage": "the secret names another user"}
    client, _ = answering(("Migrate-physical", {}, said, "Unhandled"))
    with pytest.raises(DeployError, match="Migrate-physical failed: WrongLogin: the secret names another user"):
        rotate(installed, "database", lambda_=client)


def test_a_secret_that_is_no_json_is_left_alone(installed: Site) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=PHYSICAL, SecretString="by hand")
    with pytest.raises(DeployError, match="holds no JSON; nothing was changed"):
        rotate(installed, "jwt")
    found = boto3.client("secretsmanager").get_secret_value(SecretId=PHYSICAL)["SecretString"]
    assert found == "by hand"


# The operator.


def test_a_command_is_asked_with_its_arguments() -> None:
    asked = {"name": "Harbor", "command": "create_organization"}
    client, stubber = answering(("operate", asked, {"result": {"organization_id": 1}}, None))
    assert command(client, "operate", "create_organization", '{"name": "Harbor"}') == {"organization_id": 1}
    stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("_case", "arguments", "answer", "sentence"),
    [
        ("no JSON", "name=Harbor", None, "ARGUMENTS are a JSON object"),
        ("a list", "[1]", None, "ARGUMENTS are a JSON object, such as"),
        ("refused", "", {"error": "command is one of list_dead"}, "list: command is one of list_dead."),
    ],
)
def test_a_command_that_is_refused(_case: str, arguments: str, answer: Any, sentence: str) -> None:
    client, stubber = answering(*([("operate", {"command": "list"}, answer, None)] if answer else []))
    with pytest.raises(DeployError) as refused:
        command(client, "operate", "list", arguments)
    assert str(refused.value).startswith(sentence)
    stubber.assert_no_pending_responses()
