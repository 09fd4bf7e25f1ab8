"""The step of a deployment before its version takes traffic: roles and database, then the schema.

A Lambda function. CloudFormation invokes it as a custom resource on which all other functions of the stack depend; an
operator may invoke it by hand at any time, and must after changing a database password. It may be repeated, and run by
several at once. Migrations only go forward: a roll-back runs this step of the old version, which leaves a newer schema alone.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.kernel import credentials, custom_resource, migrations, roles, vault
from chalicelib.kernel.settings import settings

PHYSICAL_ID = "quartermaster-schema"
ANSWERING_S = 60.0
NAMED_MAX = 8
"""Migrations that are named one by one; CloudFormation's whole answer has 4 KB."""
"""Seconds of the function's time that are kept for answering CloudFormation; statements are cancelled before."""


class WrongLogin(Exception):
    """A secret names another role than the one it is for."""


def prepare(event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
    """Does the step. By hand: ``{"made": [...], "applied": [...], "version": number}``; what fails is raised.

    Asked by CloudFormation: the answer that it got, with Made, Applied and Version as attributes of the resource.
    """
    if not custom_resource.is_request(event):
        return _prepare(context)
    return custom_resource.answer(event, lambda: _attributes(_prepare(context)), physical_id=PHYSICAL_ID)


def _prepare(context: Any) -> dict[str, Any]:
    vault.forget()  # a password that was changed a moment ago is the reason to come here
    within_s = None if context is None else context.get_remaining_time_in_millis() / 1000 - ANSWERING_S
    made = _prepare_roles() if settings().database_master_secret_id else []
    applied = migrations.migrate(credentials.of("owner"), within_s=within_s)
    return {"made": made, "applied": applied, "version": migrations.load()[-1].version}


def _prepare_roles() -> list[str]:
    """Roles with the passwords of their secrets. The local stage makes its own, and has no master secret."""
    wanted = {roles.OWNER: credentials.login("owner"), roles.APPLICATION: credentials.login("application")}
    for role, login in wanted.items():
        if login.username != role:
            raise WrongLogin(f"the secret of {role} names another user")
    passwords = {role: login.password.get_secret_value() for role, login in wanted.items()}
    return roles.prepare(credentials.of("master"), passwords, settings().database_name)


def _attributes(done: Mapping[str, Any]) -> dict[str, str]:
    """As CloudFormation takes them: texts, which are short."""
    applied = done["applied"]
    if len(applied) > NAMED_MAX:
        said = f"{applied[0]} to {applied[-1]}, {len(applied)} in all"
    else:
        said = ", ".join(applied) or "nothing"
    return {"Made": ", ".join(done["made"]) or "nothing", "Applied": said, "Version": str(done["version"])}
