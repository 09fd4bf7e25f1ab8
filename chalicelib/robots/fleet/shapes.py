"""Replies about the storage's hardware."""

from typing import Literal

from chalicelib.kernel.shapes import Shape


class BotView(Shape):
    """A robot. `battery_level` is in per cent; `lifted_carrier` is the number of the carrier that it carries."""

    id: int
    level_id: int | None
    battery_level: int
    is_charging: bool
    lifted_carrier: int | None


class BalconyView(Shape):
    """A picking station."""

    id: int


class LevelView(Shape):
    """A level and its height in mm."""

    id: int
    height: int


class StatusView(Shape):
    """RUNNING, PAUSED, OFF (no robots in service) or ERROR (none of them is connected)."""

    storage_status: Literal["RUNNING", "PAUSED", "OFF", "ERROR"]


class HealthView(Shape):
    """The service runs and reaches its database."""

    status: Literal["OK"] = "OK"
