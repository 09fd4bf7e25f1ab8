"""Every function is told what its code reads of `Settings`, and nothing else."""

import pytest

from chalicelib.kernel.settings import Settings
from tests.cloud.deployed import STAGES, deployed, functions, resource_of
from tests.cloud.reach import database_roles, reached, settings_read

LOCAL_ONLY = {
    "database_url",
    "database_owner_url",
    "clock_file",
    "fault_folder",
    "limits",
    "outbound_allowed",
    "password_cost",
    "process",
}
"""What only the local and the test stage say: doubles, the moved clock, cheap passwords."""
DEFAULT_FITS = {
    "circuit_open_s",
    "database_ca_file",
    "database_name",
    "database_port",
    "object_endpoint_url",
    "smtp_starttls",
    "stripe_api_base",
    "twilio_api_base",
    "version",
}
"""What a deployed function reads and need not be told."""
OF_ROLE = {
    "application": {"database_secret_id", "database_host"},
    "owner": {"database_owner_secret_id", "database_cluster_host"},
    "master": {"database_master_secret_id", "database_cluster_host"},
}
"""Where each role of the database comes in (kernel/credentials.py); one table names them all, so reading it says nothing."""


def expected(function: str) -> set[str]:
    nodes = reached(functions()[function])
    roles = database_roles(nodes)
    if "owner" in roles and function == "migrate":
        assert roles == {"owner", "master", "application"}
    doors = set().union(*OF_ROLE.values())
    wanted = set().union(*(OF_ROLE[role] for role in roles))
    if function == "migrate":
        wanted -= {"database_host"}  # it reads the application's password to set it, and does not connect as it
    read = settings_read(nodes) - LOCAL_ONLY - DEFAULT_FITS - doors
    return {f"QM_{name.upper()}" for name in read | wanted}


def variables(function: str, stage: str) -> dict[str, object]:
    found: dict[str, object] = deployed(stage)["Resources"][resource_of(function)]["Properties"]["Environment"][
        "Variables"
    ]
    return found


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("function", sorted(functions()))
def test_a_function_is_told_what_it_reads(function: str, stage: str) -> None:
    assert set(variables(function, stage)) == expected(function)


def test_every_setting_is_somebodys() -> None:
    """A setting that no function reads and no stage sets is of no use; one that is new must be put in its place here."""
    told = {name for function in functions() for name in variables(function, "prod")}
    fields = {f"QM_{name.upper()}" for name in set(Settings.model_fields) - LOCAL_ONLY - DEFAULT_FITS}
    assert told == fields


def test_no_function_is_told_a_secret() -> None:
    """Secrets are read from Secrets Manager by whoever needs them; an environment can be read by whoever sees the function."""
    names = {name for function in functions() for name in variables(function, "prod")}
    secret = {
        name for name in names if name.endswith(("_KEY", "_KEYS", "_TOKEN", "_PASSWORD", "_SECRET", "_DATABASE_URL"))
    }
    assert secret == set()
    assert "NoEcho" not in str(deployed("prod")["Parameters"])
