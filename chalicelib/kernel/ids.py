"""Identifiers and secrets: what may be guessed and what may not."""

import hmac
import secrets
import uuid
from typing import Annotated

from pydantic import Field, Strict

from chalicelib.kernel import vault

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Thirty signs without those that are misread or misheard (0/O, 1/I/L, U)."""

Id = Annotated[int, Strict(), Field(ge=1, le=2**31 - 1)]
"""An id in a body: a JSON integer that fits the column."""
PathId = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""An id in a path or query, where everything arrives as text."""


def order_number() -> str:
    """A number nobody can guess (30^10, 49 bits), such as ``QM-7F3K9-X2M4P``; uniqueness is the table's business."""
    signs = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"QM-{signs[:5]}-{signs[5:]}"


def token() -> str:
    """A URL-safe secret of 256 bits: mail links, refresh tokens, API keys."""
    return secrets.token_urlsafe(32)


def one_time_code() -> str:
    """Six digits; only ever together with a limit on tries."""
    return f"{secrets.randbelow(1_000_000):06d}"


def first_password() -> str:
    """A password to be replaced at once, which can be read out: 98 bits, letters and digits as every surface asks for."""
    while True:
        groups = ["".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4)]
        if all(any(kind(sign) for group in groups for sign in group) for kind in (str.isalpha, str.isdigit)):
            return "-".join(groups)


def keyed_hash(purpose: str, secret: str) -> bytes:
    """HMAC-SHA256 under the installation's newest hash key, so that a leaked table of hashes cannot be searched.

    `purpose` separates uses: the hash of a code is of no use as the hash of a key. For what is stored; what comes back
    is looked up with `keyed_hashes`.
    """
    return keyed_hashes(purpose, secret)[0]


def keyed_hashes(purpose: str, secret: str) -> list[bytes]:
    """The hash under each of the installation's keys, the newest first: what was stored before a rotation still counts."""
    keys = vault.secrets().hash_key.get_secret_value().split()
    if not keys:
        raise RuntimeError("hash_key is not set")
    said = f"{purpose}\0{secret}".encode(errors="surrogatepass")  # a header may hold what is no text
    return [hmac.digest(key.encode(), said, "sha256") for key in keys]


def uuid7(now_ms: int) -> uuid.UUID:
    """A UUID that sorts by time (RFC 9562, version 7)."""
    random = int.from_bytes(secrets.token_bytes(10))
    value = (now_ms & (2**48 - 1)) << 80 | 7 << 76 | ((random >> 62) & 0xFFF) << 64 | 2 << 62 | (random & (2**62 - 1))
    return uuid.UUID(int=value)


API_KEY_PREFIX = "qmk_"


def api_key(label: str = "") -> str:
    """A new API key: recognisable in a leak scan, with a label that says what it is for, 256 bits of secret."""
    return f"{_api_key_start(label)}{token()}"


def api_key_preview(key: str, label: str = "") -> str:
    """What lists show of a key: how it starts, four signs of the secret, stars."""
    return f"{key[: len(_api_key_start(label)) + 4]}********"


def _api_key_start(label: str) -> str:
    return f"{API_KEY_PREFIX}{label}_" if label else API_KEY_PREFIX


def is_api_key(value: str) -> bool:
    """Whether a bearer value is one of our API keys rather than a token."""
    return value.startswith(API_KEY_PREFIX)
