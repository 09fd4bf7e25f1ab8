"""Decisions of the fleet: which robot brings which carrier where, what a robot's words mean. No I/O."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.kernel.states import Machine
from chalicelib.robots.fleet.messages import ActionState, action_id
from chalicelib.robots.rules import TRIES_MAX

OrderStatus = Literal["CREATED", "ACCEPTED", "RUNNING", "FINISHED", "FAILED", "CANCELLED"]
OrderEvent = Literal["accept", "run", "finish", "fail", "cancel"]
OPEN_ORDER = ("CREATED", "ACCEPTED", "RUNNING")
INSTANT = ("startCharging", "stopCharging", "startPause", "stopPause", "cancelOrder")
RESEND_AFTER = timedelta(seconds=5)
CLOCKS_APART = timedelta(minutes=2)
"""More than two machines' clocks ever differ by."""
"""An order that a robot has not acknowledged by then is sent again, as soon as the robot says anything."""
ORDERS_PER_BOT_MAX = 8
"""Open orders of one robot: enough that it never waits for us, few enough that urgent work is not stuck behind them."""
BRING_WEIGHT = 0.2
"""How much the latest trip counts in the moving average of trips."""

# A robot's words may arrive late, twice or not at all, so every state can be skipped but none undone.
ORDER: Machine[OrderStatus, OrderEvent] = Machine(
    "robot order",
    {
        ("CREATED", "accept"): "ACCEPTED",
        ("CREATED", "run"): "RUNNING",
        ("CREATED", "finish"): "FINISHED",
        ("CREATED", "fail"): "FAILED",
        ("CREATED", "cancel"): "CANCELLED",
        ("ACCEPTED", "run"): "RUNNING",
        ("ACCEPTED", "finish"): "FINISHED",
        ("ACCEPTED", "fail"): "FAILED",
        ("ACCEPTED", "cancel"): "CANCELLED",
        ("RUNNING", "finish"): "FINISHED",
        ("RUNNING", "fail"): "FAILED",
        ("RUNNING", "cancel"): "CANCELLED",
    },
)
# Action statuses of VDA 5050, section 6.10.
_EVENTS: dict[str, OrderEvent] = {
    "WAITING": "accept",
    "INITIALIZING": "accept",
    "RUNNING": "run",
    "PAUSED": "run",
    "FINISHED": "finish",
    "FAILED": "fail",
}


@dataclass(frozen=True)
class RobotOrder:
    """An open order of one robot."""

    id: int
    order_id: str
    update_id: int
    kind: str
    status: OrderStatus
    bot_id: int
    carrier_id: int | None
    balcony_id: int | None
    sent_at: datetime | None
    created_at: datetime


Said = tuple[int, datetime]
"""Header id and time of a message."""


NO_HEADER = -1
"""Stands for the header id where a state shows that a robot is there: any word about the connection at the same time
counts more."""


def is_later(heard: tuple[int, int], known: tuple[int, int]) -> bool:
    """Whether news of a connection is later than what is known: (milliseconds at the broker, header id)."""
    return heard > known


def is_late(said: Said, seen: Said, *, counted_from: datetime) -> bool:
    """Whether a state is older than the newest one seen: by header id, which counts up with every message.

    A robot that lost its memory counts from the beginning again: a lower number with a later time is news, and from
    then on (`counted_from`) what it said before is late whatever its number.
    """
    return said[1] < counted_from or (said[0] <= seen[0] and said[1] <= seen[1])


def is_restart(said: Said, seen: Said) -> bool:
    """Whether a robot counts its messages from the beginning again."""
    return said[0] <= seen[0] and said[1] > seen[1]


def news_of(orders: Sequence[RobotOrder], states: Sequence[ActionState]) -> list[tuple[RobotOrder, OrderEvent]]:
    """What a robot's action states say about its open orders; nothing for orders it does not mention.

    That an action ended stays true, so late states may be read too: the machine only goes forward.
    """
    events = {s.action_id: _EVENTS[s.action_status] for s in states if s.action_status in _EVENTS}
    found = []
    for order in orders:
        event = events.get(action_id(order.order_id, order.update_id))
        if event is not None and ORDER.allows(order.status, event):
            found.append((order, event))
    return found


def are_due_again(orders: Sequence[RobotOrder], now: datetime) -> list[RobotOrder]:
    """Orders that were sent a while ago and not acknowledged, or long after now: the clock has been set back since."""

    def is_due(since: datetime) -> bool:
        return since + RESEND_AFTER <= now or since > now + CLOCKS_APART

    return [o for o in orders if o.status == "CREATED" and is_due(o.sent_at or o.created_at)]


@dataclass(frozen=True)
class OnlineBot:
    """A robot that can be given orders."""

    id: int
    load: int
    """Open orders it has."""


@dataclass(frozen=True)
class Station:
    """A balcony."""

    id: int
    load: int
    """Carriers that stand at it or are on their way."""


@dataclass(frozen=True)
class NewWork:
    """An open job that no robot serves yet."""

    job_id: str
    request_id: str
    priority: int
    balcony_id: int | None
    """Where its carrier must go; None: where it suits."""
    placing_pos: int | None
    """Where the request's other carriers go."""
    avoided_bot_id: int | None


@dataclass(frozen=True)
class CarrierSituation:
    """A carrier that may need a robot, as its lock holder sees it."""

    id: int
    balcony_id: int | None
    """Where it stands; None: in the storage or on its way."""
    store_failures: int
    order: RobotOrder | None
    """The open order that moves it."""
    is_worked_on: bool
    """A job waits at the balcony for a person."""
    brought_by: tuple[str, int, int] | None
    """(order id, update id, bot) of the order that brought it, for its way back."""
    work: tuple[NewWork, ...] = ()


@dataclass(frozen=True)
class NewOrder:
    """An order that a robot is about to be given. `follows` is the order it continues as an update."""

    kind: Literal["bringCarrier", "storeCarrier"]
    carrier_id: int
    balcony_id: int
    bot_id: int
    follows: tuple[str, int] | None = None


@dataclass
class Plan:
    """What a dispatch decides."""

    docked: list[tuple[NewWork, int]] = field(default_factory=list)
    """Jobs whose carrier stands at a balcony already, and at which."""
    joined: list[tuple[NewWork, RobotOrder]] = field(default_factory=list)
    """Jobs whose carrier is being brought anyway."""
    orders: list[tuple[NewOrder, tuple[NewWork, ...]]] = field(default_factory=list)


def plan(situations: Sequence[CarrierSituation], bots: Sequence[OnlineBot], stations: Sequence[Station]) -> Plan:
    """Decides for every carrier: bring it, put it back, let its jobs join what happens already, or wait.

    Carriers go back first, so that balconies come free; then urgent work, then in the order of carriers. The robot is
    the one with the fewest open orders, then the lowest id; one that failed at the job is taken only when there is no
    other. What is more than robots may have open waits until they have finished something. Equal input, equal plan.
    """
    made = Plan()
    load, places = {bot.id: bot.load for bot in bots}, {s.id: s.load for s in stations}
    goes_to: dict[str, int] = {}
    for carrier in sorted(
        situations, key=lambda s: (bool(s.work), -max((w.priority for w in s.work), default=0), s.id)
    ):
        if carrier.order is not None:
            if carrier.order.kind == "bringCarrier":
                made.joined += [(work, carrier.order) for work in carrier.work]
        elif carrier.balcony_id is not None and carrier.work:
            made.docked += [(work, carrier.balcony_id) for work in carrier.work]
        elif carrier.balcony_id is not None:
            _store(made, carrier, load)
        elif carrier.work and _with_room(load) and places:
            _bring(made, carrier, load, places, goes_to)
    return made


def _bring(
    made: Plan, carrier: CarrierSituation, load: dict[int, int], places: dict[int, int], goes_to: dict[str, int]
) -> None:
    first = carrier.work[0]
    wanted = first.balcony_id or first.placing_pos or goes_to.get(first.request_id)
    balcony = wanted if wanted in places else least_loaded(places)
    bot = least_loaded(_with_room(load), avoided={w.avoided_bot_id for w in carrier.work})
    load[bot] += 1
    places[balcony] += 1
    goes_to.update({w.request_id: balcony for w in carrier.work})
    made.orders.append((NewOrder("bringCarrier", carrier.id, balcony, bot), carrier.work))


def _store(made: Plan, carrier: CarrierSituation, load: dict[int, int]) -> None:
    if (
        carrier.is_worked_on
        or carrier.store_failures >= TRIES_MAX
        or not _with_room(load)
        or carrier.balcony_id is None
    ):
        return
    brought = carrier.brought_by
    if brought and load.get(brought[2], ORDERS_PER_BOT_MAX) < ORDERS_PER_BOT_MAX and carrier.store_failures == 0:
        order = NewOrder("storeCarrier", carrier.id, carrier.balcony_id, brought[2], follows=brought[:2])
    else:
        avoided = {brought[2]} if brought and carrier.store_failures else set()
        order = NewOrder(
            "storeCarrier", carrier.id, carrier.balcony_id, least_loaded(_with_room(load), avoided=avoided)
        )
    load[order.bot_id] += 1
    made.orders.append((order, ()))


def _with_room(load: Mapping[int, int]) -> dict[int, int]:
    return {bot: open_orders for bot, open_orders in load.items() if open_orders < ORDERS_PER_BOT_MAX}


def least_loaded(load: Mapping[int, int], avoided: Collection[int | None] = ()) -> int:
    """The id with the least load, the lowest of equals; an avoided one only when there is no other."""
    return min(load, key=lambda id: (id in avoided, load[id], id))
