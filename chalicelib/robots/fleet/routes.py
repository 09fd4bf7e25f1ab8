"""GET of the storage's hardware and its state."""

from typing import Any

from chalicelib.kernel.access import PUBLIC, STORAGE
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.shapes import NoBody
from chalicelib.robots.fleet import store
from chalicelib.robots.fleet.shapes import BalconyView, BotView, HealthView, LevelView, StatusView

ROWS_MAX = 1000
"""The contract gives these lists no pages; a storage has tens of each."""


@endpoint("GET", "/api/v2/bots", allow=STORAGE())
def list_bots(call: Call[NoBody]) -> list[BotView]:
    """All robots, those out of service too."""
    return [
        BotView(
            id=bot.id,
            level_id=bot.level_id,
            battery_level=bot.battery_level,
            is_charging=bot.is_charging,
            lifted_carrier=bot.lifted_carrier,
        )
        for bot in store.list_bots(call.uow, ROWS_MAX)
    ]


@endpoint("GET", "/api/v2/balconies", allow=STORAGE())
def list_balconies(call: Call[NoBody]) -> list[BalconyView]:
    """Balconies in service."""
    return [BalconyView(**row) for row in store.list_balconies(call.uow, ROWS_MAX)]


@endpoint("GET", "/api/v2/levels", allow=STORAGE())
def list_levels(call: Call[NoBody]) -> list[LevelView]:
    """Levels of the storage."""
    return [LevelView(**row) for row in store.list_levels(call.uow, ROWS_MAX)]


@endpoint("GET", "/api/v2/storage_status", allow=STORAGE())
def get_storage_status(call: Call[NoBody]) -> StatusView:
    """The storage as a whole."""
    status: Any = store.storage_status(call.uow)
    return StatusView(storage_status=status)


@endpoint("GET", "/api/v2/health", allow=PUBLIC)
def get_storage_health(_call: Call[NoBody]) -> HealthView:
    """Public, as health checks are (HOLES.md); entering has asked the database already."""
    return HealthView()
