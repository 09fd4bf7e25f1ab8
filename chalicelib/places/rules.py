"""Pure facts about places."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OUTSIDE = ("supplier", "customer", "adjustment", "production", "waste", "in_transit")
"""Accounts that an organization has once, in no warehouse."""

UNAVAILABLE_ZONES = ("QUALITY", "DAMAGE")
"""Kinds of zones whose stock is ours but is not sold."""


@dataclass(frozen=True)
class FloorSettings:
    """How the floor works in an organization, in the contract's words."""

    require_packing_before_shipping: bool = True
    count_show_expected: bool = True
    """False: counts are blind, whoever counts does not see what should be there."""
    allow_over_receiving: bool = False
    default_receiving_bin: int | None = None
    """Id of the bin that a scanner proposes for what arrives."""
    require_count_approval_separation: bool = False
    """True: nobody decides about the adjustments of their own count."""


OLDER_NAMES = {"allow_over_receipt": "allow_over_receiving"}
"""Older clients' names of settings; read and written like the newer ones."""
_NO = ("false", "0", "no", "off")


def floor_settings(settings: Mapping[str, Any]) -> FloorSettings:
    """From the organization's settings; what nobody set is as `FloorSettings` says. Panels send booleans and words."""

    def switch(name: str, default: bool) -> bool:
        return str(settings.get(name, default)).strip().lower() not in _NO

    bin_text = str(settings.get("default_receiving_bin") or "")
    return FloorSettings(
        require_packing_before_shipping=switch("require_packing_before_shipping", True),
        count_show_expected=switch("count_show_expected", True),
        allow_over_receiving=switch("allow_over_receiving", False),
        default_receiving_bin=int(bin_text) if bin_text.isascii() and bin_text.isdecimal() else None,
        require_count_approval_separation=switch("require_count_approval_separation", False),
    )
