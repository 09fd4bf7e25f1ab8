"""Use cases of the fleet: give work to robots, hear what they say. The consumers in robots/jobs.py call these."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from chalicelib.kernel import ids
from chalicelib.kernel.log import count, logger
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.robots import store as work_store
from chalicelib.robots.events import RobotOrderDue, StorageWorkDue
from chalicelib.robots.fleet import rules, store
from chalicelib.robots.fleet.messages import Connection, State
from chalicelib.robots.fleet.rules import INSTANT, NewWork, OrderEvent, RobotOrder
from chalicelib.robots.rules import TRIES_MAX
from chalicelib.robots.work import Changes, WorkJob

CARRIERS_MAX = 200
"""Carriers that one dispatch looks at; when there are more, another follows."""
Released = Callable[[UnitOfWork, Sequence[WorkJob]], None]
"""What is done with units whose job failed for good (robots/service.py)."""


def new_order_id(uow: UnitOfWork) -> str:
    """An order id that no robot has seen."""
    return str(ids.uuid7(int(uow.now.timestamp() * 1000)))


def dispatch(uow: UnitOfWork, warehouse_id: int) -> None:
    """Gives robots what there is to do: carriers to bring, carriers to take back. May be repeated; it then finds nothing.

    Locks the carriers in question. Jobs for which there is no robot wait until one connects.
    """
    carrier_ids = store.lock_carriers_in_need(uow, warehouse_id, CARRIERS_MAX)
    if not carrier_ids:
        return
    jobs = {job.id: job for job in work_store.lock_work(uow, carrier_ids=carrier_ids)}
    situations = store.list_situations(uow, carrier_ids, _new_work(jobs.values()))
    bots, stations = store.list_online(uow, warehouse_id), store.list_stations(uow, warehouse_id)
    plan = rules.plan(situations, bots, stations)
    changes = Changes()
    for work, balcony_id in plan.docked:
        _dock(changes, jobs[work.job_id], balcony_id)
    for work, order in plan.joined:
        _join(changes, jobs[work.job_id], order)
    _order(uow, changes, plan, jobs)
    work_store.save(uow, changes)
    if len(carrier_ids) == CARRIERS_MAX and changes:
        uow.publish(StorageWorkDue(warehouse_id=warehouse_id).message())


def _new_work(jobs: Iterable[WorkJob]) -> dict[int, tuple[NewWork, ...]]:
    found: dict[int, list[NewWork]] = defaultdict(list)
    for job in sorted(jobs, key=lambda j: (-j.priority, j.id)):
        if job.carrier_id is not None:
            new = NewWork(job.id, job.request_id, job.priority, job.balcony_id, job.placing_pos, job.avoided_bot_id)
            found[job.carrier_id].append(new)
    return {carrier_id: tuple(work) for carrier_id, work in found.items()}


def _dock(changes: Changes, job: WorkJob, balcony_id: int) -> None:
    changes.give(job, robot_order_id=None, bot_id=None, balcony_id=balcony_id)
    changes.job(job, "dock")


def _join(changes: Changes, job: WorkJob, order: RobotOrder) -> None:
    if order.balcony_id is None:
        raise RuntimeError("an order that brings a carrier names no balcony")
    changes.give(job, robot_order_id=order.id, bot_id=order.bot_id, balcony_id=order.balcony_id)
    if order.status == "ACCEPTED":
        changes.job(job, "accept")
    elif order.status == "RUNNING":
        changes.job(job, "run")


def _order(uow: UnitOfWork, changes: Changes, plan: rules.Plan, jobs: dict[str, WorkJob]) -> None:
    rows = [store.order_row(order, new_order_id(uow)) for order, _ in plan.orders]
    order_ids = store.insert_orders(uow, rows)
    for row, (order, works) in zip(rows, plan.orders, strict=True):
        robot_order_id = order_ids[row["order_id"], row["update_id"]]
        for work in works:
            job = jobs[work.job_id]
            changes.give(job, robot_order_id=robot_order_id, bot_id=order.bot_id, balcony_id=order.balcony_id)
        uow.publish(RobotOrderDue(robot_order_id=robot_order_id).message())


def hear_connection(uow: UnitOfWork, serial: str, said: Connection, ms: int) -> None:
    """Notes whether a robot is there. `ms` is when it was said, Unix time in milliseconds.

    A last will is older than the connection it ends (VDA 5050, section 6.14), so its own header says nothing about the
    order of things; `ms` must come from the broker. A robot that came back gets again what it has not acknowledged.
    """
    bot = store.lock_bot(uow, serial=serial)
    if bot is None or not rules.is_later((ms, said.header_id), bot.connected):
        return
    store.set_connection(uow, bot, said.connection_state, ms, said.header_id)
    if said.connection_state != "ONLINE":
        count("RobotLost")
        logger.warning("robot is away", extra={"serial": serial, "connection": said.connection_state})
        return
    uow.publish(StorageWorkDue(warehouse_id=bot.warehouse_id).message())
    for order in store.list_open_orders(uow, bot.id):
        if order.status == "CREATED":
            uow.publish(RobotOrderDue(robot_order_id=order.id).message())


def hear_state(uow: UnitOfWork, serial: str, said: State, ms: int | None, released: Released) -> None:
    """Takes in a robot's state. Any order and any number of deliveries end the same.

    How the robot is comes from the newest state only; that an action began or ended is true whenever it is heard. A
    state that the broker passed on (`ms`) after the last word about the connection says that the robot is there.
    Locks the robot and the carriers it is busy with.
    """
    bot = store.lock_bot(uow, serial=serial)
    if bot is None:
        return
    if ms is not None and rules.is_later((ms, rules.NO_HEADER), bot.connected):
        store.set_connection(uow, bot, "ONLINE", ms, rules.NO_HEADER)
        if bot.connection != "ONLINE":
            uow.publish(StorageWorkDue(warehouse_id=bot.warehouse_id).message())
    said_as, seen = (said.header_id, said.timestamp), (bot.state_header_id, bot.state_at)
    if not rules.is_late(said_as, seen, counted_from=bot.counted_from):
        counted_from = said.timestamp if rules.is_restart(said_as, seen) else bot.counted_from
        store.set_state(uow, bot, said, counted_from=counted_from)
    orders = store.list_open_orders(uow, bot.id)
    news = rules.news_of(orders, said.action_states)
    if news:
        _apply(uow, bot, news, released)
    told = {order.id for order, _ in news}
    for order in rules.are_due_again(orders, uow.now):
        if order.id not in told:
            uow.publish(RobotOrderDue(robot_order_id=order.id).message())


def _apply(uow: UnitOfWork, bot: store.Bot, news: Sequence[tuple[RobotOrder, OrderEvent]], released: Released) -> None:
    work_store.lock_carriers(uow, [o.carrier_id for o, _ in news if o.carrier_id is not None])
    jobs: dict[int | None, list[WorkJob]] = defaultdict(list)
    for job in work_store.lock_work(uow, robot_order_ids=[order.id for order, _ in news]):
        jobs[job.robot_order_id].append(job)
    failures = store.store_failures(uow, [o.carrier_id for o, e in news if e == "fail" and o.kind == "storeCarrier"])
    changes, failed = Changes(), list[WorkJob]()
    for order, event in news:
        changes.order(order.id, before=order.status, after=rules.ORDER.next(order.status, event))
        if order.kind == "storeCarrier":
            _stored(changes, order, event, failures)
        else:
            failed += _worked(changes, order, event, jobs[order.id], bot)
        if event == "finish" and order.kind == "bringCarrier" and order.sent_at is not None:
            store.note_trip(uow, max(0.0, (uow.now - order.sent_at).total_seconds()), rules.BRING_WEIGHT)
    released(uow, failed)
    work_store.save(uow, changes)
    if any(event in ("finish", "fail") for _, event in news):
        uow.publish(StorageWorkDue(warehouse_id=bot.warehouse_id).message())


def _stored(changes: Changes, order: RobotOrder, event: OrderEvent, failures: dict[int, int]) -> None:
    if order.carrier_id is None or order.balcony_id is None:
        raise RuntimeError("an order that stores a carrier names none")
    if event == "finish":
        changes.put_away(order.carrier_id)
    elif event == "fail":
        tries = failures.get(order.carrier_id, 0) + 1
        changes.not_put_away(order.carrier_id, order.balcony_id, tries)
        logger.warning("carrier not put away", extra={"carrier_id": order.carrier_id, "tries": tries})


def _worked(
    changes: Changes, order: RobotOrder, event: OrderEvent, jobs: Sequence[WorkJob], bot: store.Bot
) -> list[WorkJob]:
    """Moves the jobs of an order on; those that failed for good."""
    failed = []
    if event == "finish" and order.carrier_id is not None and order.balcony_id is not None:
        changes.dock(order.carrier_id, order.balcony_id)
    for job in jobs:
        if event in ("accept", "run"):
            changes.job(job, "accept" if event == "accept" else "run")
        elif event == "finish":
            changes.job(job, "dock" if order.carrier_id is not None else "finish")
        elif order.kind in INSTANT or job.tries + 1 >= TRIES_MAX:
            changes.job(job, "fail", tries=job.tries + 1)
            changes.warn(job, "0x50F7", f"Robot {bot.serial} failed")
            failed.append(job)
        else:
            changes.job(job, "retry", tries=job.tries + 1, avoided_bot_id=bot.id, robot_order_id=None, bot_id=None)
    return failed


def take_out_of_service(uow: UnitOfWork, bot: store.Bot) -> None:
    """No new orders for a robot. What it does at the moment it finishes; the rest others do.

    A robot that is away finishes nothing: all it had is given to others, and `cancelOrder` waits for it at the broker.
    The caller has locked the robot.
    """
    store.set_active(uow, [bot.id], is_active=False)
    orders = [
        order
        for order in store.list_open_orders(uow, bot.id)
        if order.carrier_id is not None and (order.status != "RUNNING" or bot.connection != "ONLINE")
    ]
    if not orders:
        return
    work_store.lock_carriers(uow, [o.carrier_id for o in orders if o.carrier_id is not None])
    changes = Changes()
    for job in work_store.lock_work(uow, robot_order_ids=[order.id for order in orders]):
        if job.status != "WAITING":
            changes.job(job, "retry", robot_order_id=None, bot_id=None, avoided_bot_id=bot.id)
    for order in orders:
        changes.order(order.id, before=order.status, after=rules.ORDER.next(order.status, "cancel"))
    work_store.save(uow, changes)
    tell(uow, [bot.id], "cancelOrder", subjects=[order.order_id for order in orders])
    uow.publish(StorageWorkDue(warehouse_id=bot.warehouse_id).message())


def tell(uow: UnitOfWork, bot_ids: Sequence[int], kind: str, *, subjects: Sequence[str | None] = (None,)) -> list[int]:
    """Instant actions for robots, one per robot and subject; the ids of their orders."""
    targets = [(bot_id, subject) for bot_id in bot_ids for subject in subjects]
    names = [new_order_id(uow) for _ in targets]
    rows = [
        {"order_id": name, "update_id": 0, "kind": kind, "bot_id": bot_id, "subject": subject}
        for name, (bot_id, subject) in zip(names, targets, strict=True)
    ]
    made = store.insert_orders(uow, rows)
    order_ids = [made[name, 0] for name in names]
    for order_id in order_ids:
        uow.publish(RobotOrderDue(robot_order_id=order_id).message())
    return order_ids
