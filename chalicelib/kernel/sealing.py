"""Secrets of our users at rest: what they entrust to us so that we can act for them elsewhere.

Envelope encryption. Deployed, KMS makes a data key for every act of sealing and wraps it; the wrapped key stands in the
sealed text, so that old texts stay readable however often the KMS key is rotated, and KMS's log says who opened what. On the
local and test stages a data key is derived from the first of ``QM_SEALING_KEYS``, whose id stands in the text. The text
itself is a Fernet token (AES-128-CBC with HMAC-SHA256) in either case.

A text is bound to what it is for: only who names the same organization and purpose can open it, so that a row copied to
another tenant is worth nothing.

    sealed = sealing.seal({"api_key": "s3cret"}, sealing.Binding(organization_id=1, purpose="connector"))

Deployed, sealing and opening ask KMS: outside of a transaction, please (`Outside` of kernel/endpoint.py).
"""

import base64
import hashlib
import hmac
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from chalicelib.kernel import clock
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.log import logger
from chalicelib.kernel.settings import settings

KEPT_S = 300
"""How long an opened data key is kept in memory: rows that were sealed together are opened with one question to KMS."""
KEPT_MAX = 200
RETRY_AFTER_S = 5
_NOT_THE_KEY = ("InvalidCiphertextException", "IncorrectKeyException")
"""What KMS says of a wrapped key that it did not make, or not for this binding (KMS, Decrypt)."""
_lock = threading.Lock()


class CannotOpen(Exception):
    """The text was not sealed by us, not for this binding, or with a key that is gone. Repeating cannot help."""


@dataclass(frozen=True)
class Binding:
    """What a sealed text is for."""

    organization_id: int
    purpose: str

    @property
    def context(self) -> dict[str, str]:
        """KMS's encryption context, which its log shows: nothing secret."""
        return {"organization": str(self.organization_id), "purpose": self.purpose}

    @property
    def text(self) -> bytes:
        """The same where no KMS is."""
        return f"{self.organization_id}#{self.purpose}".encode()


@dataclass(frozen=True)
class _DataKey:
    """A key for texts, and what stands in them so that it is found again: ``kms.<wrapped>`` or ``local.<kid>``."""

    name: str
    key: bytes = field(repr=False)


@dataclass
class _Opened:
    """Data keys that were opened a moment ago."""

    keys: "OrderedDict[tuple[str, Binding], tuple[bytes, float]]" = field(default_factory=OrderedDict, repr=False)

    def find(self, name: str, binding: Binding) -> bytes | None:
        with _lock:
            found = self.keys.get((name, binding))
        return found[0] if found is not None and 0 <= clock.machine_s() - found[1] < KEPT_S else None

    def keep(self, name: str, binding: Binding, key: bytes) -> None:
        with _lock:
            self.keys[name, binding] = (key, clock.machine_s())
            while len(self.keys) > KEPT_MAX:
                self.keys.popitem(last=False)

    def clear(self) -> None:
        with _lock:
            self.keys.clear()


_opened = _Opened()


def seal(secrets: Mapping[str, str], binding: Binding) -> dict[str, str]:
    """Each text sealed, under its name; one question to KMS for all. Raises Unavailable when KMS cannot be asked."""
    from cryptography.fernet import Fernet

    made = _made(binding)
    fernet = Fernet(made.key)
    return {name: f"{made.name}.{fernet.encrypt(text.encode()).decode()}" for name, text in secrets.items()}


def unseal(sealed: Mapping[str, str], binding: Binding) -> dict[str, SecretStr]:
    """The texts again. Raises CannotOpen, Unavailable when KMS cannot be asked."""
    return {name: _unsealed(text, binding) for name, text in sealed.items()}


def forget() -> None:
    """Forgets the data keys that are kept in memory."""
    _opened.clear()


def _unsealed(text: str, binding: Binding) -> SecretStr:
    from cryptography.fernet import Fernet, InvalidToken

    name, _, token = text.rpartition(".")
    try:
        return SecretStr(Fernet(_found(name, binding)).decrypt(token.encode()).decode())
    except (InvalidToken, ValueError):
        raise CannotOpen("a sealed text cannot be opened") from None


def _made(binding: Binding) -> _DataKey:
    key_id = settings().sealing_key_id
    if not key_id:
        kid, secret = next(iter(_local_keys().items()))
        return _DataKey(f"local.{kid}", _derived(secret, binding))
    with _asking():
        answer = client().generate_data_key(KeyId=key_id, NumberOfBytes=32, EncryptionContext=binding.context)
    name = f"kms.{base64.urlsafe_b64encode(answer['CiphertextBlob']).decode()}"
    made = _DataKey(name, base64.urlsafe_b64encode(answer["Plaintext"]))
    _opened.keep(made.name, binding, made.key)
    return made


def _found(name: str, binding: Binding) -> bytes:
    """The data key that a sealed text names. Raises CannotOpen, Unavailable."""
    kind, _, wrapped = name.partition(".")
    if kind == "local" and not settings().sealing_key_id:
        secret = _local_keys().get(wrapped)
        if secret is None:
            raise CannotOpen("the key is not on the list")
        return _derived(secret, binding)
    if kind != "kms" or not settings().sealing_key_id:
        raise CannotOpen("sealed on another stage")
    return _opened.find(name, binding) or _unwrapped(name, wrapped, binding)


def _unwrapped(name: str, wrapped: str, binding: Binding) -> bytes:
    blob = base64.urlsafe_b64decode(wrapped)
    with _asking():
        answer = client().decrypt(CiphertextBlob=blob, EncryptionContext=binding.context)
    key = base64.urlsafe_b64encode(answer["Plaintext"])
    _opened.keep(name, binding, key)
    return key


@contextmanager
def _asking() -> Iterator[None]:
    """KMS's failures in words of ours. Raises CannotOpen, Unavailable."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
        if code in _NOT_THE_KEY:
            raise CannotOpen("the data key cannot be unwrapped") from None
        logger.error("KMS does not answer", extra={"error": type(error).__name__, "code": code})
        raise Unavailable(retry_after_s=RETRY_AFTER_S) from error


def _local_keys() -> dict[str, str]:
    """Keys of the local and test stages by id, the first first. A stage without doubles must be told its KMS key."""
    if not settings().is_local:
        raise RuntimeError("QM_SEALING_KEY_ID is not set")
    pairs = [pair.partition(":") for pair in settings().local_secrets.sealing_keys.get_secret_value().split()]
    if not pairs:
        raise RuntimeError("QM_SEALING_KEYS is not set")
    return {kid: secret for kid, _, secret in pairs}


def _derived(secret: str, binding: Binding) -> bytes:
    return base64.urlsafe_b64encode(hmac.new(secret.encode(), binding.text, hashlib.sha256).digest())


@lru_cache(maxsize=1)
def _client() -> Any:
    return boto3.client(
        "kms", config=Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2, "mode": "standard"})
    )


def client() -> Any:
    """The process's KMS client; boto3 clients may be shared by threads, their making may not."""
    with _lock:
        return _client()
