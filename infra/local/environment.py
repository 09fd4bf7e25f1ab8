"""The environment of the processes that the stage starts: the platform's settings and the AWS SDK's."""

import os
from collections.abc import Mapping
from pathlib import Path

from infra.local.options import ROOT, Options

TWILIO_NUMBER = "+15005550006"
"""Twilio's own test number for "from" (Twilio, Test credentials)."""
KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "COVERAGE_PROCESS_START",
)
"""What children get of our own environment: no proxy, profile or credential of the person at the keyboard."""


def for_children(
    options: Options,
    ports: Mapping[str, int],
    secrets: Mapping[str, str],
    *,
    app_url: str,
    owner_url: str,
) -> dict[str, str]:
    """All variables of a child. Nothing in it points outside this machine."""
    inherited = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {
        **inherited,
        **secrets,
        **_platform(options, ports, app_url, owner_url),
        **_providers(ports),
        **_aws(ports),
        **(_meter(options) if options.is_metered else {}),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }


def _platform(options: Options, ports: Mapping[str, int], app_url: str, owner_url: str) -> dict[str, str]:
    return {
        "QM_STAGE": "local",
        "QM_DATABASE_URL": app_url,
        "QM_DATABASE_OWNER_URL": owner_url,
        "QM_PUBLIC_URL": options.base_url,
        "QM_LIMITS": options.limits,
        "QM_CIRCUIT_OPEN_S": "3",  # a person who lets a double behave again wants to see it
        "QM_CLOCK_FILE": str(clock_file(options.data_dir)),
        "QM_FAULT_FOLDER": str(options.data_dir / "faults"),
        "QM_OUTBOUND_ALLOWED": f"127.0.0.1:{ports['doubles']} 127.0.0.1:{options.port}",
        "QM_DATA_DIR": str(options.data_dir),
        "QM_MQTT_PORT": str(ports["mqtt"]),
        "QM_IOT_PORT": str(ports["iot"]),
    }


def _providers(ports: Mapping[str, int]) -> dict[str, str]:
    doubles = f"http://127.0.0.1:{ports['doubles']}"
    return {
        "QM_DOUBLES_PORT": str(ports["doubles"]),
        "QM_STRIPE_API_BASE": f"{doubles}/stripe",
        "QM_TWILIO_API_BASE": f"{doubles}/twilio",
        "QM_TWILIO_FROM_NUMBER": TWILIO_NUMBER,
        "QM_LLM_PROVIDER": "openai",
        "QM_LLM_BASE_URL": f"{doubles}/llm/v1",
        "QM_LLM_MODEL": "double",
        "QM_LLM_API_KEY": "sk-local",
        "QM_SMTP_HOST": "127.0.0.1",
        "QM_SMTP_PORT": str(ports["smtp"]),
        "QM_SMTP_STARTTLS": "false",
    }


def _aws(ports: Mapping[str, int]) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['aws']}",
        "AWS_ENDPOINT_URL_IOT_DATA_PLANE": f"http://127.0.0.1:{ports['iot']}",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _meter(options: Options) -> dict[str, str]:
    """Robots that have nothing to say are silent: what being connected costs is priced a robot and month (infra/cost)."""
    return {"QM_METER": str(meter_folder(options.data_dir)), "QM_ROBOT_HEARTBEAT": "86400"}


def meter_folder(data_dir: Path) -> Path:
    """Where the processes keep their counters when they are metered."""
    return data_dir / "meter"


def clock_file(data_dir: Path) -> Path:
    """The file by which the business's clock is moved."""
    return data_dir / "clock"
