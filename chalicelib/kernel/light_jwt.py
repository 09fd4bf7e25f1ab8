"""PyJWT without `cryptography`: our tokens are HS256, and a start need not wait for a library of public keys.

PyJWT looks for `cryptography`, which is there for what is sealed (kernel/sealing.py), and loads it for algorithms that we
refuse: 33 ms of every cold start. While PyJWT is imported the library is hidden from it; afterwards it can be imported.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_HIDDEN = "cryptography"


@contextmanager
def _without_public_keys() -> Iterator[None]:
    if _HIDDEN in sys.modules:
        yield
        return
    sys.modules[_HIDDEN] = None  # type: ignore[assignment]  # how the import system marks what cannot be imported
    try:
        yield
    finally:
        del sys.modules[_HIDDEN]


with _without_public_keys():
    import jwt

__all__ = ["jwt"]
