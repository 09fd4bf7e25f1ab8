"""`make deploy`: from a package to a stage that serves, again and again, and back when something fails."""

import copy
import json
from typing import Any

import boto3
import pytest

from infra.cloud.template import merged
from infra.deploy.errors import DeployError
from tests.deploy.conftest import ACCOUNT, TEMPLATE, URL, Site

BUCKET = f"quartermaster-artifacts-{ACCOUNT}-us-east-1"


def changed(**resources: Any) -> dict[str, Any]:
    """The template with other resources; None takes one away."""
    template = copy.deepcopy(TEMPLATE)
    template["Resources"] |= resources
    template["Resources"] = {name: resource for name, resource in template["Resources"].items() if resource is not None}
    return template


def parameters(site: Site) -> dict[str, str]:
    return site.cloudformation.stacks[-1].parameters


def status(site: Site) -> str:
    return site.cloudformation.stacks[-1].status


QUEUE = {"Type": "AWS::SQS::Queue"}


def test_the_first_deployment(site: Site) -> None:
    assert site.deploy()["PublicUrl"] == URL
    assert site.cloudformation.names_of_calls() == ["CreateChangeSet", "ExecuteChangeSet"] * 2
    assert site.said[:3] == [
        "Add     Migrate (AWS::Serverless::Function)",
        "Add     Operate (AWS::Serverless::Function)",
        "Add     Migration (Custom::Migration)",
    ]
    assert site.said[-2:] == [
        f"quartermaster-dev is at {URL}",
        "schema version 9; applied now: 0009_robots",
    ]
    assert [line for line in site.said if "CREATE_COMPLETE" in line and "quartermaster-dev" in line] != []


def test_functions_take_their_code_from_the_bucket(site: Site) -> None:
    site.deploy()
    deployed = site.cloudformation.stacks[-1].template["Resources"]
    uris = {deployed[name]["Properties"]["CodeUri"] for name in ("Migrate", "Operate")}
    (uri,) = uris
    key = uri.removeprefix(f"s3://{BUCKET}/")
    assert boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"the first package"
    assert TEMPLATE["Resources"]["Migrate"]["Properties"]["CodeUri"] == "./deployment.zip"  # ours is left as it was


def test_the_bucket_is_closed(site: Site) -> None:
    site.deploy()
    s3 = boto3.client("s3")
    blocked = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    (statement,) = site.policies[-1]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_first_keys_are_made_once(site: Site) -> None:
    site.deploy()
    first = site.secret()
    kid, _, secret = first["jwt_keys"].partition(":")
    assert (kid[0], len(secret), first["hash_key"]) == ("k", 64, "first")
    site.zip_file.write_bytes(b"the second package")
    site.deploy()
    assert site.secret() == first
    assert secret not in "".join(site.said)


def test_functions_learn_their_own_address(site: Site) -> None:
    site.deploy()
    assert parameters(site)["PublicUrl"] == URL
    assert site.deploy(PublicUrl="https://shop.example")
    assert parameters(site)["PublicUrl"] == "https://shop.example"


def test_with_a_name_of_its_own_the_gateways_address_is_not_used(site: Site) -> None:
    site.deploy(DomainName="api.example.com")
    assert (parameters(site)["PublicUrl"], site.cloudformation.names_of_calls()) == (
        "",
        ["CreateChangeSet", "ExecuteChangeSet"],
    )


def test_again_nothing_changes(site: Site) -> None:
    site.deploy()
    site.cloudformation.calls.clear()
    site.deploy()
    assert site.cloudformation.names_of_calls() == ["CreateChangeSet", "DeleteChangeSet"]
    assert site.said == [
        "quartermaster-dev is as it should be.",
        "",
        f"quartermaster-dev is at {URL}",
        "schema version 9; applied now: nothing",
    ]


def test_another_package_changes_the_functions(site: Site) -> None:
    site.deploy()
    before = len(boto3.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"])
    site.zip_file.write_bytes(str(site.zip_file).encode())  # nobody has deployed this one yet
    site.deploy()
    assert site.said[:2] == [f"Modify  {name} (AWS::Serverless::Function)" for name in ("Migrate", "Operate")]
    kept = boto3.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert len(kept) == before + 2  # the one before stays: a roll-back needs it


def test_parameters_stay_until_they_are_given_anew(site: Site) -> None:
    site.deploy(AlarmEmail="ops@example.com")
    site.deploy(changed(Queue=QUEUE))
    assert parameters(site)["AlarmEmail"] == "ops@example.com"
    site.deploy(AlarmEmail="")
    assert parameters(site)["AlarmEmail"] == ""


def test_a_parameter_that_the_template_lost_is_forgotten(site: Site) -> None:
    site.deploy(AlarmEmail="ops@example.com")
    template = copy.deepcopy(TEMPLATE)
    del template["Parameters"]["AlarmEmail"]
    site.deploy(template)
    assert "AlarmEmail" not in parameters(site)


# What is refused, before anything is changed.


def test_unknown_parameters_are_refused(site: Site) -> None:
    with pytest.raises(DeployError, match=r"no parameter AlarmMail; it has AlarmEmail, DomainName, PublicUrl\."):
        site.deploy(AlarmMail="ops@example.com")
    assert (site.cloudformation.stacks, site.cloudformation.names_of_calls()) == ([], [])


def test_a_parameter_without_a_value_is_asked_for(site: Site) -> None:
    template = copy.deepcopy(TEMPLATE)
    template["Parameters"]["Owner"] = {"Type": "String"}
    with pytest.raises(DeployError, match='asks for Owner: PARAMETERS="Owner='):
        site.deploy(template)
    assert site.deploy(template, Owner="us")


def test_a_template_that_cloudformation_refuses(site: Site) -> None:
    with pytest.raises(DeployError, match="refuses the template: Template error: Broken is broken"):
        site.deploy(changed(Broken=QUEUE))
    assert site.cloudformation.names_of_calls() == ["CreateChangeSet", "DeleteChangeSet"]
    assert site.deploy()["PublicUrl"] == URL


@pytest.mark.parametrize("code", ["./other.zip", "s3://elsewhere/deployment.zip/x", None])
def test_a_template_with_other_code_is_refused(site: Site, code: str | None) -> None:
    with pytest.raises(DeployError, match=r"do not take their code from deployment\.zip"):
        site.deploy(changed(Migrate={"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": code}}))
    assert site.cloudformation.names_of_calls() == []


@pytest.mark.parametrize(
    ("_case", "template", "replaced"),
    [
        ("taken away", changed(Objects=None), set()),
        ("made anew", changed(Objects={"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "b"}}), {"Objects"}),
    ],
)
def test_data_are_not_lost_by_accident(site: Site, _case: str, template: dict[str, Any], replaced: set[str]) -> None:
    site.deploy()
    before = copy.deepcopy(site.cloudformation.stacks[-1])
    site.cloudformation.replaced = replaced
    with pytest.raises(DeployError, match=r"would lose what Objects holds\. Nothing was changed; FORCE=1 does it"):
        site.deploy(template)
    assert site.cloudformation.stacks[-1] == before
    assert site.cloudformation.change_sets == {}
    site.deploy(template, force=True)
    assert status(site) == "UPDATE_COMPLETE"


@pytest.mark.parametrize(
    ("stack_status", "sentence"),
    [
        ("UPDATE_IN_PROGRESS", "is being changed"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "is being changed"),
        ("DELETE_IN_PROGRESS", "is being changed"),
        ("ROLLBACK_COMPLETE", "was never complete"),
        ("DELETE_FAILED", "was never complete"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
    ],
)
def test_a_stack_that_cannot_be_changed_now(site: Site, stack_status: str, sentence: str) -> None:
    site.deploy()
    site.cloudformation.stacks[-1].status = stack_status
    site.cloudformation.calls.clear()
    with pytest.raises(DeployError, match=sentence):
        site.deploy(changed(Queue=QUEUE))
    assert site.cloudformation.names_of_calls() == []


# What fails on the way.


def test_a_migration_that_fails_is_said_and_the_release_before_stays(site: Site) -> None:
    site.deploy()
    before = copy.deepcopy(site.cloudformation.stacks[-1].template)
    site.cloudformation.failures = {"Migration": "InvalidTextRepresentation: 22P02"}
    failing = changed(Migration={"Type": "Custom::Migration", "Properties": {"Migrations": "2"}})
    with pytest.raises(DeployError) as failed:
        site.deploy(failing)
    sentence = "quartermaster-dev ended as UPDATE_ROLLBACK_COMPLETE. Migration: InvalidTextRepresentation: 22P02"
    assert str(failed.value) == sentence
    assert site.cloudformation.stacks[-1].template == before
    site.cloudformation.failures = {}
    site.deploy(failing)
    assert site.said[-1] == "schema version 9; applied now: 0009_robots"


def test_a_first_deployment_that_fails(site: Site) -> None:
    site.cloudformation.failures = {"Migration": "Unavailable: Temporarily unavailable; please try again"}
    with pytest.raises(DeployError, match=r"ended as ROLLBACK_COMPLETE\. Migration: Unavailable"):
        site.deploy()
    assert site.secret()["jwt_keys"] == ""
    with pytest.raises(DeployError, match="make destroy, then deploy again"):
        site.deploy()


def test_events_are_shown_once_and_in_order(site: Site) -> None:
    site.deploy()
    site.deploy(changed(Queue=QUEUE))
    shown = [line.split(maxsplit=1)[1] for line in site.said if "UPDATE_" in line]
    assert [line.split() for line in shown] == [
        ["UPDATE_IN_PROGRESS", "quartermaster-dev:", "User", "Initiated"],
        ["UPDATE_COMPLETE", "Queue"],
        ["UPDATE_COMPLETE", "quartermaster-dev"],
    ]


# What we name of the real template is there.


def test_the_real_template_has_what_a_deployment_looks_for() -> None:
    template = merged("dev")
    assert {"ApplicationSecretArn", "PublicUrl", "SchemaVersion", "MigrationsApplied"} - set(
        template["Outputs"]
    ) == set()
    names = {"Migration", "ApplicationSecret", "DatabaseApplicationSecret", "DatabaseOwnerSecret"}
    assert names - set(template["Resources"]) == set()
    assert {"PublicUrl", "DomainName", "DeletionProtection"} - set(template["Parameters"]) == set()
    assert [name for name, parameter in template["Parameters"].items() if "Default" not in parameter] == []
    assert len(json.dumps(template)) < 1_000_000
