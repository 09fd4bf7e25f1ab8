"""Passwords: argon2id, one form of Unicode, and what is too easy to guess.

Source of the parameters: OWASP Password Storage Cheat Sheet (argon2id, 19 MiB, 2 passes, 1 lane). When they change, a
password is hashed anew at its next right sign-in. Source of the rules: NIST SP 800-63B, 3.1.1.2 (length, block list,
Unicode normalised), and the warehouse contract (a letter and a digit).
"""

import gzip
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.kernel import ids
from chalicelib.kernel.errors import BadRequest
from chalicelib.kernel.settings import settings

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LENGTH_MIN = 8
LENGTH_MAX = 128
UNUSABLE = "!"
"""Stands for the hash of an account that has no password; nothing matches it."""
_COMMON = Path(__file__).parent / "common_passwords.txt.gz"


class WeakPassword(BadRequest):
    """The new password is too short, too long, or among the first that somebody would try."""

    code = "weak_password"


@lru_cache(maxsize=2)
def _hasher(*, is_cheap: bool) -> "PasswordHasher":
    from argon2 import PasswordHasher  # 20 ms, for requests with a password

    if is_cheap:
        return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def _current() -> "PasswordHasher":
    is_cheap = settings().stage == "test" and settings().password_cost == "cheap"  # noqa: S105  # no password
    return _hasher(is_cheap=is_cheap)


def _normal(password: str) -> str:
    """One form for what keyboards write differently: é as one sign or as two."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    """The hash to keep. Some 30 ms and 19 MiB: never while holding a lock."""
    return _current().hash(_normal(password))


@lru_cache(maxsize=2)
def _nobodys_hash(hasher: "PasswordHasher") -> str:
    return hasher.hash(ids.token())


def matches(password_hash: str | None, password: str) -> bool:
    """Whether a password is the one of a hash. None, or an unusable hash, takes just as long and is never right."""
    hasher = _current()
    if password_hash is None or password_hash == UNUSABLE:
        _verify(hasher, _nobodys_hash(hasher), password)
        return False
    return _verify(hasher, password_hash, password)


def _verify(hasher: "PasswordHasher", password_hash: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return hasher.verify(password_hash, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _current().check_needs_rehash(password_hash)


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    return frozenset(gzip.decompress(_COMMON.read_bytes()).decode().split("\n"))


def check_strength(password: str, *, names: Iterable[str | None] = (), is_staff: bool = False) -> None:
    """Raises WeakPassword with a sentence for the user. `names` are the account's own: user name, e-mail address."""
    normal = _normal(password)
    if len(normal) < LENGTH_MIN:
        raise WeakPassword(f"Password must be at least {LENGTH_MIN} characters")
    if len(normal) > LENGTH_MAX:
        raise WeakPassword(f"Password must be at most {LENGTH_MAX} characters")
    if is_staff and not (any(map(str.isalpha, normal)) and any(map(str.isdigit, normal))):
        raise WeakPassword("Password must contain at least one letter and one digit")
    folded = normal.casefold()
    if folded in _common() or len(set(folded)) < 3:
        raise WeakPassword("This password is too common; please choose another")
    if folded in {part.casefold() for name in names if name for part in (name, name.split("@")[0])}:
        raise WeakPassword("Password must not be the user name or the e-mail address")
