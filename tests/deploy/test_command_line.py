"""What one types: a stage that must be said, parameters, and a sentence for what makes no sense."""

import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from infra.deploy.deploy import Release, deploy
from infra.deploy.errors import DeployError
from infra.deploy.options import Options, from_environment
from infra.deploy.stack import Stack
from tests.deploy.conftest import TEMPLATE, Site
from tests.house.source import ROOT


@pytest.mark.parametrize(
    ("environment", "options"),
    [
        ({"STAGE": "dev"}, Options("dev", {}, force=False)),
        ({"STAGE": "prod", "FORCE": "1"}, Options("prod", {}, force=True)),
        (
            {"STAGE": "dev", "FORCE": "0", "PARAMETERS": "A=1 B='x y=z' C="},
            Options("dev", {"A": "1", "B": "x y=z", "C": ""}),
        ),
    ],
)
def test_what_the_environment_chooses(environment: dict[str, str], options: Options) -> None:
    assert from_environment(environment) == options


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "Say which stage: STAGE=dev or STAGE=prod."),
        ({"STAGE": "local"}, "Say which stage"),
        ({"STAGE": "dev", "PARAMETERS": "AlarmEmail"}, "PARAMETERS are Name=value pairs; 'AlarmEmail' is none."),
        ({"STAGE": "dev", "PARAMETERS": "=x"}, "PARAMETERS are Name=value pairs; '' is none."),
        ({"STAGE": "dev", "PARAMETERS": "A='x"}, "PARAMETERS cannot be read: No closing quotation."),
    ],
)
def test_what_makes_no_sense(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(DeployError) as refused:
        from_environment(environment)
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "sentence"),
    [
        ([], {}, 2, "usage: python -m infra.deploy deploy|destroy|operate|rotate"),
        (["deploy"], {}, 1, "Say which stage: STAGE=dev or STAGE=prod."),
        (["deploy"], {"STAGE": "dev"}, 1, "Say which region"),
        (["rotate"], {"STAGE": "dev"}, 1, "Say what to change: WHAT=jwt or hash or database or owner."),
        (["destroy"], {"STAGE": "dev", "AWS_DEFAULT_REGION": "us-east-1"}, 1, "AWS: Unable to locate credentials"),
    ],
)
def test_the_command_line(arguments: list[str], environment: dict[str, str], code: int, sentence: str) -> None:
    """Without credentials nothing leaves this machine."""
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, "-m", "infra.deploy", *arguments]
    done = subprocess.run(command, cwd=ROOT, env={**clean, **environment}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip().startswith(sentence)) == (code, True), done.stderr


@pytest.mark.filterwarnings("ignore:Tried to parse AWS..Serverless")
def test_the_emulators_change_sets_are_understood_too(site: Site, tmp_path: Path) -> None:
    """As far as they go: resources are made and updated, events come. They know no outputs, which the story then misses."""
    said: list[str] = []
    stack = Stack(boto3.client("cloudformation"), "quartermaster-emulated", said.append, lambda: None)
    zip_file = tmp_path / "deployment.zip"
    zip_file.write_bytes(b"a package")
    resources = {"Migrate": TEMPLATE["Resources"]["Migrate"], "Queue": {"Type": "AWS::SQS::Queue"}}
    release = Release({**TEMPLATE, "Resources": resources}, zip_file)
    with pytest.raises(DeployError, match="no output ApplicationSecretArn"):
        deploy(release, Options("dev", {}), stack, site.artifacts, boto3.client("secretsmanager"))
    assert stack.check_ready() is True
    queues = boto3.client("sqs").list_queues(QueueNamePrefix="quartermaster-emulated-Queue-")
    assert len(queues["QueueUrls"]) == 1
    assert [line.split()[1:] for line in said if "quartermaster-emulated" in line] == [
        ["CREATE_IN_PROGRESS", "quartermaster-emulated:", "User", "Initiated"],
        ["CREATE_COMPLETE", "quartermaster-emulated"],
    ]
    stack.delete()
    assert stack.describe() is None
