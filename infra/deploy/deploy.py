"""`make deploy`: package, upload, change set, execution, and what the first deployment needs besides."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.deploy import keys
from infra.deploy.artifacts import Artifacts, with_code
from infra.deploy.errors import DeployError
from infra.deploy.options import Options
from infra.deploy.stack import Stack

MIGRATION = "Migration"
"""Logical id of the custom resource that runs the migration step."""


@dataclass(frozen=True)
class Release:
    """What is deployed: a template, and the package that its functions name."""

    template: Mapping[str, Any]
    zip_file: Path


def deploy(
    release: Release, options: Options, stack: Stack, artifacts: Artifacts, secretsmanager: Any
) -> dict[str, str]:
    """Brings the stage to this release; the stack's outputs. May be repeated: what is there already is left alone.

    Raises DeployError when the stack cannot be changed, when a data store would be lost, or when CloudFormation failed and
    rolled back to the release before.
    """
    stack.check_ready()
    stack.changed.clear()
    artifacts.prepare()
    code = artifacts.keep(release.zip_file.read_bytes(), ".zip")
    template = with_code(release.template, f"s3://{artifacts.bucket}/{code}")
    url = artifacts.url_of(artifacts.keep(json.dumps(template, separators=(",", ":")).encode(), ".json"))
    _bring(stack, template, url, options.parameters, force=options.force)
    keys.make_first(secretsmanager, stack)
    _tell_own_url(stack, template, url)
    _report(stack)
    return stack.outputs()


def _bring(
    stack: Stack, template: Mapping[str, Any], url: str, wanted: Mapping[str, str], *, force: bool = False
) -> None:
    exists = stack.check_ready()
    parameters = _parameters(template, wanted, stack.describe() if exists else None)
    change_set = stack.propose(url, parameters, exists=exists)
    if change_set is None:
        stack.say(f"{stack.name} is as it should be.")
        return
    changes = stack.changes(change_set)
    for change in changes:
        stack.say(str(change))
    lost = [change.name for change in changes if change.loses_data]
    if lost and not force:
        stack.discard(change_set, exists=exists)
        raise DeployError(f"This would lose what {', '.join(lost)} holds. Nothing was changed; FORCE=1 does it.")
    stack.execute(change_set)


def _parameters(
    template: Mapping[str, Any], wanted: Mapping[str, str], stack: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """What was asked for; else what the stack has; else the template's default. Raises DeployError for unknown names."""
    known: Mapping[str, Any] = template.get("Parameters", {})
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise DeployError(f"The template has no parameter {unknown[0]}; it has {', '.join(sorted(known))}.")
    kept = {p["ParameterKey"] for p in (stack or {}).get("Parameters", [])} & set(known) - set(wanted)
    missing = [name for name in known if name not in kept and name not in wanted and "Default" not in known[name]]
    if missing:
        raise DeployError(f'The template asks for {missing[0]}: PARAMETERS="{missing[0]}=...".')
    return [
        *({"ParameterKey": name, "ParameterValue": value} for name, value in sorted(wanted.items())),
        *({"ParameterKey": name, "UsePreviousValue": True} for name in sorted(kept)),
    ]


def _tell_own_url(stack: Stack, template: Mapping[str, Any], url: str) -> None:
    """Where the gateway answers is known only now; functions put it into links, and check signatures with it."""
    found = stack.describe() or {}
    parameters = {p["ParameterKey"]: p["ParameterValue"] for p in found.get("Parameters", [])}
    own = stack.outputs().get("PublicUrl", "")
    if not own or parameters.get("DomainName") or parameters.get("PublicUrl", own):
        return
    stack.say(f"The functions do not know their address yet: {own}")
    _bring(stack, template, url, {"PublicUrl": own})


def _report(stack: Stack) -> None:
    outputs = stack.outputs()
    applied = outputs.get("MigrationsApplied") if MIGRATION in stack.changed else None
    stack.say("")
    stack.say(f"{stack.name} is at {outputs.get('PublicUrl', 'no address of its own')}")
    stack.say(f"schema version {outputs.get('SchemaVersion', 'unknown')}; applied now: {applied or 'nothing'}")
