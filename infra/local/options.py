"""What the person at the keyboard may choose, from the environment: PORT, DATA_DIR, DEMO, LIMITS and so on."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from infra.local.errors import StageError

ROOT = Path(__file__).resolve().parent.parent.parent
"""The checkout."""
CRASHES_MAX = 5
Chosen = TypeVar("Chosen")


@dataclass(frozen=True)
class Options:
    """One platform's choices."""

    port: int
    data_dir: Path
    is_demo: bool
    limits: str
    is_metered: bool
    database_url: str | None
    admin_username: str
    admin_password: str
    is_password_given: bool
    ids: tuple[str, ...]
    """What `make replay` and `make drop` are about."""
    crashes_max: int
    """How often a part may die within a minute before the platform gives up."""

    @property
    def base_url(self) -> str:
        """Where the platform answers."""
        return f"http://127.0.0.1:{self.port}"


def from_environment(environment: Mapping[str, str] = os.environ) -> Options:
    """Reads the choices. Raises StageError with a sentence for a value that cannot be meant."""
    given = environment.get("ADMIN_PASSWORD", "")
    return Options(
        port=_port(environment.get("PORT") or "8080"),
        data_dir=(ROOT / (environment.get("DATA_DIR") or ".data")).absolute(),
        is_demo=_choice(environment, "DEMO", "1", {"1": True, "0": False}),
        limits=_choice(environment, "LIMITS", "on", {"on": "on", "off": "off"}),
        is_metered=_choice(environment, "METER", "0", {"1": True, "0": False}),
        database_url=environment.get("DATABASE_URL") or None,
        admin_username=environment.get("ADMIN_USERNAME") or "admin",
        admin_password=given or _made_up_password(),
        is_password_given=bool(given),
        ids=tuple(environment.get("IDS", "").replace(",", " ").split()),
        crashes_max=_crashes(environment.get("CRASHES_MAX") or str(CRASHES_MAX)),
    )


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise StageError(f"PORT is a number from 1 to 65535, not {text!r}.")
    return int(text)


def _crashes(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise StageError(f"CRASHES_MAX is a number above 0, not {text!r}.")
    return int(text)


def _choice(environment: Mapping[str, str], name: str, default: str, choices: Mapping[str, Chosen]) -> Chosen:
    text = environment.get(name) or default
    if text not in choices:
        raise StageError(f"{name} is {' or '.join(choices)}, not {text!r}.")
    return choices[text]


def _made_up_password() -> str:
    """Letters and digits for sure: wms wants both."""
    return f"{secrets.token_urlsafe(12)}a7"
