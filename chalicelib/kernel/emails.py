"""E-mail addresses as forms take them."""

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from chalicelib.kernel.shapes import at_most

LENGTH_MAX = 254
"""RFC 5321, 4.5.3.1.3: a path of 256 octets, its two angle brackets included."""
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS = re.compile(rf"[a-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@(?:{_LABEL}\.)+{_LABEL}", re.ASCII | re.IGNORECASE)
"""HTML Living Standard, "valid e-mail address", with the dot that an address on the internet has."""


def is_email(text: str) -> bool:
    """Whether this looks like an address; only a mail that arrives proves one."""
    return len(text) <= LENGTH_MAX and _ADDRESS.fullmatch(text) is not None


def _validated(value: str) -> str:
    if not is_email(value):
        raise PydanticCustomError("email_address", "Input should be an e-mail address")
    name, _, domain = value.rpartition("@")
    return f"{name}@{domain.lower()}"


Email = Annotated[
    str,
    at_most(LENGTH_MAX),
    StringConstraints(strip_whitespace=True, max_length=LENGTH_MAX),
    AfterValidator(_validated),
]
"""An e-mail address in a request, its domain in lower case; compare addresses without case."""
