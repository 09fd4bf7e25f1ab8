"""What the endpoints of API keys read and say."""

from datetime import date
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, StringConstraints

from chalicelib.identity.keys import rules
from chalicelib.identity.keys.rules import DEFAULT_SCOPES, Reason, Scope, StorageRole, Verdict
from chalicelib.identity.keys.store import ApiKey
from chalicelib.kernel.shapes import Day, Instant, Note, Shape, Text

Prefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=50)]


class NewKey(Shape):
    """A key to be made."""

    name: Text = Field(description="Who or what will use it")
    prefix: Prefix = Field(
        description="What the key itself says of its use, so that it is recognised where it turns up: `shop` makes "
        "`qmk_shop_…`. Underscores and hyphens at its end are left out"
    )
    description: Note | None = None
    expires_at: Day | None = Field(
        None,
        description="The last day on which it may be used, as the organization's clocks show it; without one, for ever",
    )
    scopes: Scopes = Field(list(DEFAULT_SCOPES), description="What it may do")
    storage_role: StorageRole | None = Field(
        None, description="With the scope storage: the key's role there, no higher than the caller's own; else User"
    )


class KeyView(Shape):
    """A key without its value."""

    id: int
    name: str
    prefix: str
    key_preview: str
    description: str
    scopes: list[Scope]
    storage_role: StorageRole | None
    is_active: bool = Field(description="Whether it is not revoked; it may have expired")
    created_at: Instant
    created_by: str
    expires_at: date | None = Field(description="The last day on which it may be used")
    revoked_at: Instant | None
    revoked_by: str | None
    revoked_reason: Reason | None
    last_used_at: Instant | None = Field(description="Within some six minutes; so is use_count")
    use_count: int

    @classmethod
    def fields(cls, key: ApiKey, time_zone: str) -> dict[str, Any]:
        """What every view of a key shows."""
        same = {name: getattr(key, name) for name in KeyView.model_fields if hasattr(key, name)}
        return {
            **same,
            "key_preview": key.preview,
            "is_active": key.revoked_at is None,
            "expires_at": rules.last_day_of(key.expires_at, time_zone),
        }

    @classmethod
    def of(cls, key: ApiKey, time_zone: str) -> Self:
        """From the row."""
        return cls(**cls.fields(key, time_zone))


class KeyCreated(KeyView):
    """A new key, with its value."""

    raw_key: str
    warning: str = "Keep this key now: it is not stored and will not be shown again"

    @classmethod
    def with_value(cls, key: ApiKey, time_zone: str, raw_key: str) -> Self:
        """From the row and the value."""
        return cls(**cls.fields(key, time_zone), raw_key=raw_key)


class KeyList(Shape):
    """All keys, the newest first."""

    keys: list[KeyView]


class Revocation(Shape):
    """Why a key is revoked."""

    reason: Reason = Field("other", description="A key that was revoked as compromised cannot be activated again")


class KeyChanged(Shape):
    """The key as it is now."""

    success: bool = True
    key: KeyView


class KeyDeleted(Shape):
    """The key is gone."""

    success: bool = True


class KeyInQuestion(Shape):
    """A key to be looked at."""

    raw_key: Annotated[SecretStr, Field(min_length=1, max_length=1024)]


class Verified(Shape):
    """Whether a key may be used; `key` is null for one that is none of this organization's."""

    valid: bool
    reason: Verdict | None
    key: KeyView | None
