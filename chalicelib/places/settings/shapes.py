"""Requests and replies of the settings' endpoints."""

from typing import Annotated

from pydantic import Field, StrictBool, StrictInt, StringConstraints

from chalicelib.kernel.shapes import Instant, Shape

SettingValue = StrictBool | StrictInt | Annotated[str, StringConstraints(max_length=255)] | None


class SettingView(Shape):
    """One setting. The value is text: "true", "false", or a bin's id; `updated_at` is null while nobody has set it."""

    id: int
    key: str
    value: str
    updated_at: Instant | None


class Settings(Shape):
    """All settings."""

    settings: list[SettingView]


class ChangedSettings(Shape):
    """Names and values of what is to be set."""

    settings: Annotated[dict[str, SettingValue], Field(max_length=50)]


class SettingsChanged(Settings):
    """All settings as they are now."""

    message: str
