"""What the environment of `make deploy` and its like chooses."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from infra.deploy.errors import DeployError

STAGES = ("dev", "prod")


@dataclass(frozen=True)
class Options:
    """One stage of one account and region; credentials and region are the AWS SDK's own business."""

    stage: str
    parameters: Mapping[str, str]
    """Parameters of the template to change; all others stay as they were."""
    force: bool = False

    @property
    def stack(self) -> str:
        """Name of the stage's stack."""
        return f"quartermaster-{self.stage}"


def from_environment(environment: Mapping[str, str] = os.environ) -> Options:
    """STAGE (there is no default: nobody deploys by accident), PARAMETERS="Name=value ...", FORCE. Raises DeployError."""
    stage = environment.get("STAGE", "")
    if stage not in STAGES:
        raise DeployError(f"Say which stage: STAGE={' or STAGE='.join(STAGES)}.")
    return Options(stage, _parameters(environment.get("PARAMETERS", "")), environment.get("FORCE", "") not in ("", "0"))


def _parameters(text: str) -> dict[str, str]:
    """Values with spaces stand in single quotes, as a shell would have them."""
    try:
        pairs = [word.partition("=") for word in shlex.split(text)]
    except ValueError as error:
        raise DeployError(f"PARAMETERS cannot be read: {error}.") from None
    wrong = [name for name, equals, _ in pairs if not equals or not name]
    if wrong:
        raise DeployError(f"PARAMETERS are Name=value pairs; {wrong[0]!r} is none.")
    return {name: value for name, _, value in pairs}
