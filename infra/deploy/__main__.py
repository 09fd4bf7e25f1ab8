"""``python -m infra.deploy deploy|destroy|operate|rotate``; see the Makefile."""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, get_args

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.deploy import destroy as taking_away
from infra.deploy import keys, operate, options
from infra.deploy.artifacts import Artifacts
from infra.deploy.deploy import Release, deploy
from infra.deploy.errors import DeployError
from infra.deploy.options import Options
from infra.deploy.stack import Stack

MIGRATION_S = 900
"""A function may run this long; its answer is waited for, and it is not asked twice."""


def main(arguments: list[str]) -> int:
    """The command line. One clear sentence and 1 when something cannot be done."""
    name = arguments[0] if len(arguments) == 1 else ""
    commands: dict[str, Callable[[Options], None]] = {
        "deploy": _deploy,
        "destroy": _destroy,
        "operate": _operate,
        "rotate": _rotate,
    }
    if name not in commands:
        print(f"usage: python -m infra.deploy {'|'.join(commands)}", file=sys.stderr)
        return 2
    try:
        commands[name](options.from_environment())
    except DeployError as error:
        print(error, file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"AWS: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped looking; what CloudFormation has begun goes on without us.", file=sys.stderr)
        return 130
    return 0


def _client(service: str) -> Any:
    if service == "lambda":
        return boto3.client(service, config=Config(read_timeout=MIGRATION_S, retries={"total_max_attempts": 1}))
    return boto3.client(service)


def _stack(chosen: Options) -> Stack:
    return Stack(_client("cloudformation"), chosen.stack)


def _deploy(chosen: Options) -> None:
    from infra.package import PackageError, build

    region = boto3.session.Session().region_name
    if not region:
        raise DeployError("Say which region: AWS_REGION=eu-central-1, or a profile that has one.")
    account = _client("sts").get_caller_identity()["Account"]
    try:
        built = build(chosen.stage)
    except PackageError as error:
        raise DeployError(f"The package was not made: {error}") from None
    artifacts = Artifacts(_client("s3"), account, region)
    release = Release(built.template, built.zip_path)
    deploy(release, chosen, _stack(chosen), artifacts, _client("secretsmanager"))
    print("The first organization: make operate STAGE=... COMMAND=create_organization (infra/README.md)")


def _destroy(chosen: Options) -> None:
    for left in taking_away.destroy(chosen, _stack(chosen), _client, input):
        print(f"left: {left}")


def _operate(chosen: Options) -> None:
    """COMMAND and ARGUMENTS; the answer, which may hold a password, is printed here and nowhere else."""
    name, arguments = os.environ.get("COMMAND", ""), os.environ.get("ARGUMENTS", "")
    answer = operate.command(_client("lambda"), _stack(chosen).resource("Operate"), name, arguments)
    print(json.dumps(answer, indent=1, ensure_ascii=False))


def _rotate(chosen: Options) -> None:
    kinds = get_args(keys.Kind)
    what = os.environ.get("WHAT", "")
    if what not in kinds:
        raise DeployError(f"Say what to change: WHAT={' or '.join(kinds)}.")
    keys.rotate(what, _client("secretsmanager"), _client("lambda"), _stack(chosen), wait=time.sleep)  # type: ignore[arg-type]  # one of the kinds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
