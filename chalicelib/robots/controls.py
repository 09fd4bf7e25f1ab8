"""Requests about robots rather than goods: charge, pause, take into service or out of it."""

from collections.abc import Sequence

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.robots import rules, service
from chalicelib.robots.errors import RequestAborted
from chalicelib.robots.events import StorageWorkDue
from chalicelib.robots.fleet import service as fleet
from chalicelib.robots.fleet import store as fleet_store
from chalicelib.robots.fleet.store import ListedBot
from chalicelib.robots.rules import Feedback, NewJob
from chalicelib.robots.shapes import (
    CarrierOnboarding,
    Charging,
    Offboarding,
    Onboarding,
    Pause,
    RequestView,
    Resume,
    RfidWrite,
    Uncharging,
)
from chalicelib.robots.store import NewRequest

BOTS_MAX = 1000


def charge(uow: UnitOfWork, body: Charging | Uncharging) -> RequestView:
    """Tells robots to charge or to stop: one job each, done when the robot says so, failed when it cannot.

    Robots with open orders are refused unless forced; left out where no robot was named. Raises RequestAborted.
    """
    request_id = body.id or service.new_id(uow)
    bots = [b for b in fleet_store.list_bots(uow, BOTS_MAX) if b.is_active]
    chosen = _chosen(request_id, body, bots)
    jobs = tuple(NewJob(service.new_id(uow), None, body.type, bot_id=bot.id) for bot in chosen)
    new = NewRequest(
        request_id,
        body.type,
        warehouse_id=chosen[0].warehouse_id,
        bot_id=body.bot_id,
        level_id=body.level_id,
        jobs=jobs,
    )
    view = service.create(uow, new)
    kind = "startCharging" if body.type == "CHARGING" else "stopCharging"
    order_ids = fleet.tell(uow, [bot.id for bot in chosen], kind)
    fleet_store.attach(uow, [(job.id, order_id) for job, order_id in zip(jobs, order_ids, strict=True)])
    return view


def _chosen(request_id: str, body: Charging | Uncharging, bots: Sequence[ListedBot]) -> list[ListedBot]:
    if body.bot_id is not None:
        bot = next((b for b in bots if b.id == body.bot_id and body.level_id in (None, b.level_id)), None)
        if bot is None:
            raise RequestAborted(request_id, [Feedback.of("Bot", body.bot_id, rules.UNKNOWN)])
        if bot.connection != "ONLINE":
            raise RequestAborted(request_id, [Feedback.of("Bot", bot.id, rules.BOT_AWAY)])
        if bot.open_orders and not body.force:
            raise RequestAborted(request_id, [Feedback.of("Bot", bot.id, rules.BOT_BUSY)])
        return [bot]
    there = [b for b in bots if b.connection == "ONLINE" and body.level_id in (None, b.level_id)]
    chosen = [b for b in there if body.force or not b.open_orders]
    if not chosen:
        raise RequestAborted(request_id, [Feedback.of("Bot", body.level_id or "*", rules.NO_BOT)])
    return chosen


def pause(uow: UnitOfWork, body: Pause | Resume) -> RequestView:
    """Stops giving orders to robots, or goes on; done at once. Robots are told as well, whatever they make of it."""
    is_paused = body.type == "PAUSE"
    fleet_store.set_paused(uow, is_paused=is_paused)
    bots = [b for b in fleet_store.list_bots(uow, BOTS_MAX) if b.is_active and b.connection == "ONLINE"]
    fleet.tell(uow, [b.id for b in bots], "startPause" if is_paused else "stopPause")
    if not is_paused:
        for warehouse_id in sorted({b.warehouse_id for b in bots}):
            uow.publish(StorageWorkDue(warehouse_id=warehouse_id).message())
    return service.create(uow, NewRequest(body.id or service.new_id(uow), body.type))


def onboard(uow: UnitOfWork, body: Onboarding) -> RequestView:
    """Takes every connected robot that is out of service into it. Raises RequestAborted when there is none."""
    request_id = body.id or service.new_id(uow)
    bots = [b for b in fleet_store.list_bots(uow, BOTS_MAX) if not b.is_active and b.connection == "ONLINE"]
    if not bots:
        raise RequestAborted(request_id, [Feedback.of("Bot", "*", rules.NO_BOT)])
    fleet_store.set_active(uow, [b.id for b in bots], is_active=True)
    for warehouse_id in sorted({b.warehouse_id for b in bots}):
        uow.publish(StorageWorkDue(warehouse_id=warehouse_id).message())
    return service.create(uow, NewRequest(request_id, body.type))


def offboard(uow: UnitOfWork, body: Offboarding) -> RequestView:
    """Takes a robot out of service; its work goes to others. Raises RequestAborted for one that is not in it."""
    request_id = body.id or service.new_id(uow)
    bot = fleet_store.lock_bot(uow, bot_id=body.bot_id)
    if bot is None or not bot.is_active:
        raise RequestAborted(request_id, [Feedback.of("Bot", body.bot_id, rules.UNKNOWN)])
    fleet.take_out_of_service(uow, bot)
    return service.create(uow, NewRequest(request_id, body.type, bot_id=bot.id))


def refuse(uow: UnitOfWork, body: RfidWrite | CarrierOnboarding) -> RequestView:
    """What this fleet has no hands for: it brings carriers and puts them back. Raises RequestAborted, always."""
    request_id = body.id or service.new_id(uow)
    if isinstance(body, RfidWrite):
        raise RequestAborted(request_id, [Feedback.of("Bot", body.bot_id or "*", rules.CANNOT)])
    raise RequestAborted(request_id, [Feedback.of("Balcony", body.balcony_id or "*", rules.CANNOT)])
