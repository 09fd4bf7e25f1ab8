"""Secrets of one platform: made up at its first start, kept in its data directory, readable by its owner only."""

import json
import os
import secrets
from pathlib import Path

NAMES = (
    "QM_JWT_KEYS",
    "QM_HASH_KEY",
    "QM_SEALING_KEYS",
    "QM_STRIPE_API_KEY",
    "QM_STRIPE_WEBHOOK_SECRET",
    "QM_TWILIO_ACCOUNT_SID",
    "QM_TWILIO_AUTH_TOKEN",
    "QM_ELEVENLABS_WEBHOOK_SECRET",
    "QM_EASYPOST_WEBHOOK_SECRET",
)


def load_or_make(data_dir: Path) -> dict[str, str]:
    """The secrets by the name of their environment variable; what is missing is made up and written down."""
    file = data_dir / "secrets.json"
    known: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    missing = {name: _made(name) for name in NAMES if name not in known}
    if missing:
        known |= missing
        write_private(file, json.dumps(known, indent=1))
    return known


def write_private(file: Path, text: str) -> None:
    """Writes a file of mode 0600, whole or not at all."""
    draft = file.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)


def _made(name: str) -> str:
    """A secret in the form that its vendor's has."""
    return {
        "QM_JWT_KEYS": f"k1:{secrets.token_urlsafe(48)}",
        "QM_SEALING_KEYS": f"s1:{secrets.token_urlsafe(48)}",
        "QM_STRIPE_API_KEY": f"sk_test_{secrets.token_hex(24)}",
        "QM_STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_urlsafe(24)}",
        "QM_TWILIO_ACCOUNT_SID": f"AC{secrets.token_hex(16)}",
        "QM_TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "QM_ELEVENLABS_WEBHOOK_SECRET": f"wsec_{secrets.token_hex(32)}",
    }.get(name, secrets.token_urlsafe(48))
