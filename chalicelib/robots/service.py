"""Use cases of requests and jobs: ask for units or carriers, and say that a waiting job is done."""

from collections import defaultdict
from collections.abc import Sequence

from chalicelib import stock
from chalicelib.kernel import ids
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.robots import rules, store
from chalicelib.robots.errors import NoStorage, NotWaiting, RequestAborted
from chalicelib.robots.events import StorageWorkDue
from chalicelib.robots.rules import Entity, Feedback, NewJob, RobotPick, Wanted
from chalicelib.robots.shapes import EntityView, Fetch, Fulfillment, Replenishment, RequestView, SkuEntity, Trigger
from chalicelib.robots.store import KnownSku, NewRequest
from chalicelib.robots.work import Changes, WorkJob

BOXES_MAX = 2000
"""Boxes with room that one replenishment looks at."""
TRIGGERS: dict[str, rules.JobEvent] = {
    "SUCCEEDED_TRIGGER": "succeed",
    "FAILED_TRIGGER": "fail",
    "CANCELLED_TRIGGER": "cancel",
}
TRIGGER_WARNINGS = {
    "fail": ("0x50F8", "It could not be done at the balcony"),
    "cancel": ("0x50F9", "It was cancelled at the balcony"),
}


def new_id(uow: UnitOfWork) -> str:
    """An id for a request or job that sorts by time."""
    return str(ids.uuid7(int(uow.now.timestamp() * 1000)))


def fulfil(uow: UnitOfWork, body: Fulfillment) -> RequestView:
    """Asks robots for units, from the boxes that expire first, on few carriers.

    The units are allocated in their boxes until somebody takes them out, so no pick and no other request gets them.
    They are not held: they stay the warehouse's available stock, before in the box, afterwards in the balcony's staging
    bin. So that nobody is brought what customers were promised, no more is accepted than is available (on hand less
    held). Raises RequestAborted with every wrong line, NoStorage, RequestIdTaken. Nine statements.
    """
    request_id = body.id or new_id(uow)
    known, warehouse_id = _find(uow, request_id, body.entities)
    wanted = _wanted(body.entities, known)
    levels = stock.free_stock(uow, warehouse_id, [w.variant_id for w in wanted])
    carriers = store.carriers_of_boxes(uow, [level.account_id for level in levels])
    pieces, short = rules.choose_boxes(wanted, levels, carriers)
    _check_enough(request_id, wanted, known, short)
    stock.post(uow, allocations=[_allocation(p.stock, p.quantity) for p in pieces])
    jobs = tuple(
        NewJob(
            new_id(uow), p.position, "FULFILLMENT", p.quantity, box_account_id=p.stock.account_id,
            variant_id=p.stock.variant_id, lot_id=p.stock.lot_id, from_account_id=p.stock.account_id,
        )
        for p in pieces
    )  # fmt: skip
    entities = tuple(Entity("Sku", w.sku, "FULFILLMENT", w.quantity) for w in wanted)
    return create(uow, NewRequest(request_id, body.type, body.priority, warehouse_id, entities=entities, jobs=jobs))


def replenish(uow: UnitOfWork, body: Replenishment) -> RequestView:
    """Asks for boxes with room, to put units into them that lie in the staging bin of a balcony.

    The units are allocated in the staging bin until a person puts them into the box. Raises as `fulfil`.
    """
    request_id = body.id or new_id(uow)
    known, warehouse_id = _find(uow, request_id, body.entities)
    wanted = _wanted(body.entities, known)
    staging = store.list_staging(uow, warehouse_id)
    levels = stock.free_stock(uow, warehouse_id, [w.variant_id for w in wanted])
    pieces, short = rules.choose_boxes(wanted, levels, staging)
    boxes = store.list_boxes_with_room(uow, warehouse_id, [w.variant_id for w in wanted], BOXES_MAX)
    placed, full = rules.choose_space(pieces, boxes)
    crowded = {piece.position for piece in full}
    feedback = [Feedback.of("Sku", w.sku, rules.NOT_ENOUGH) for w in short]
    feedback += [Feedback.of("Sku", w.sku, rules.NO_SPACE) for w in wanted if w.position in crowded]
    if feedback:
        raise RequestAborted(request_id, feedback)
    stock.post(uow, allocations=[_allocation(p.stock, p.quantity) for p in pieces])
    jobs = tuple(
        NewJob(
            new_id(uow), piece.position, "REPLENISHMENT", quantity, box_account_id=box.account_id,
            balcony_id=staging[piece.stock.account_id], variant_id=piece.stock.variant_id, lot_id=piece.stock.lot_id,
            from_account_id=piece.stock.account_id, to_account_id=box.account_id,
        )
        for piece, box, quantity in placed
    )  # fmt: skip
    entities = tuple(Entity("Sku", w.sku, "REPLENISHMENT", w.quantity) for w in wanted)
    return create(uow, NewRequest(request_id, body.type, body.priority, warehouse_id, entities=entities, jobs=jobs))


def fetch(uow: UnitOfWork, body: Fetch) -> RequestView:
    """Asks for carriers as they are. Raises RequestAborted with every wrong carrier, CarrierAsked, RequestIdTaken."""
    request_id = body.id or new_id(uow)
    codes = [entity.carrier_id for entity in body.entities]
    known = {carrier.code: carrier for carrier in store.find_carriers(uow, codes)}
    feedback = [Feedback.of("Carrier", code, rules.UNKNOWN) for code in codes if code not in known]
    feedback += [Feedback.of("Carrier", c.code, rules.ALREADY_ASKED) for c in known.values() if c.is_asked]
    feedback += [Feedback.of("Carrier", c, rules.NAMED_TWICE) for c in known if codes.count(c) > 1]
    if feedback:
        raise RequestAborted(request_id, feedback)
    carriers = [known[code] for code in codes]
    jobs = tuple(NewJob(new_id(uow), n, "FETCH", carrier_id=c.id) for n, c in enumerate(carriers))
    entities = tuple(Entity("Carrier", carrier.code, "FETCH", 1) for carrier in carriers)
    new = NewRequest(request_id, body.type, body.priority, carriers[0].warehouse_id, entities=entities, jobs=jobs)
    for warehouse_id in {carrier.warehouse_id for carrier in carriers[1:]} - {carriers[0].warehouse_id}:
        uow.publish(StorageWorkDue(warehouse_id=warehouse_id).message())
    return create(uow, new)


def request_fulfilment(uow: UnitOfWork, warehouse_id: int, picks: Sequence[RobotPick]) -> str:
    """Asks robots for the boxes of pick tasks, whose units are allocated already; the request's id. One statement.

    When a person has taken the units out, `picking.hand_over` moves them with their allocation. Raises CarrierAsked
    when a task has been asked for, ValueError when an account is no box.
    """
    lines: dict[int, int] = defaultdict(int)
    for pick in picks:
        lines[pick.variant_id] += pick.quantity
    positions = {variant_id: n for n, variant_id in enumerate(lines)}
    jobs = tuple(
        NewJob(
            new_id(uow), positions[p.variant_id], "FULFILLMENT", p.quantity, box_account_id=p.box_account_id,
            variant_id=p.variant_id, lot_id=p.lot_id, from_account_id=p.box_account_id, pick_task_id=p.task_id,
        )
        for p in picks
    )  # fmt: skip
    entities = tuple(Entity("Sku", "", "FULFILLMENT", quantity) for quantity in lines.values())
    new = NewRequest(
        new_id(uow), "FULFILLMENT", warehouse_id=warehouse_id, entities=entities, jobs=jobs, variant_ids=tuple(lines)
    )
    return create(uow, new).id


def create(uow: UnitOfWork, new: NewRequest) -> RequestView:
    """Stores a request and lets the robots know. Raises RequestIdTaken, CarrierAsked."""
    counter = store.insert_request(uow, new)
    uow.audit("create", "storage_request", new.id, after={"type": new.type, "jobs": len(new.jobs)})
    if new.jobs and new.warehouse_id is not None:
        uow.publish(StorageWorkDue(warehouse_id=new.warehouse_id).message())
    return RequestView(
        id=new.id,
        counter=counter,
        type=new.type,
        status=new.status,
        priority=new.priority,
        entities=[
            EntityView(id=e.entity_id, entity_type=e.entity_type, job_type=e.job_type, total_quantity=e.total)
            for e in new.entities
        ],
        bot_id=new.bot_id,
        level_id=new.level_id,
        placing_pos=None,
        warnings=[],
        created_at=uow.now,
        updated_at=uow.now,
    )


def trigger(uow: UnitOfWork, job_id: str, body: Trigger) -> None:
    """A person at the balcony has done what a waiting job is for, or could not. The carrier goes back when it was the last.

    Done: the units move to the balcony's staging bin (into the box, for a replenishment). Not done: they stay where they
    are, and free. Raises NotFound, NotWaiting, also when somebody else was quicker. At most ten statements.
    """
    store.lock_carrier_of_job(uow, job_id)
    job = store.lock_job(uow, job_id)
    if job is None:
        raise NotFound("Job not found")
    if job.status != "WAITING":
        raise NotWaiting(f"Job is {job.status}; only a WAITING job can be triggered")
    event = TRIGGERS[body.TriggerStatus]
    changes = Changes()
    if event == "succeed" and not _hand_over(uow, job):
        event = "cancel"
        changes.warn(job, "0x50FA", "Its pick was ended meanwhile; the units stay in the box")
    elif event != "succeed":
        changes.warn(job, *TRIGGER_WARNINGS[event])
        release(uow, [job])
    changes.job(job, event)
    store.save(uow, changes)
    uow.audit("trigger", "storage_job", job.id, after={"trigger": body.TriggerStatus, "event": event})
    if job.warehouse_id is not None:
        uow.publish(StorageWorkDue(warehouse_id=job.warehouse_id).message())


def release(uow: UnitOfWork, jobs: Sequence[WorkJob]) -> None:
    """Gives the units of failed jobs free. Those of a pick task stay allocated: it is picked by hand at the box now, or
    reported short."""
    stock.post(
        uow,
        allocations=[
            stock.AllocationChange(job.variant_id, job.from_account_id, job.lot_id, -job.quantity)
            for job in jobs
            if job.pick_task_id is None and job.variant_id is not None and job.from_account_id is not None
        ],
    )
    tasks = [job.pick_task_id for job in jobs if job.pick_task_id is not None]
    if tasks:
        # picking asks robots for boxes, so it is imported where it is used.
        from chalicelib import picking

        picking.leave_to_hands(uow, tasks)


def _hand_over(uow: UnitOfWork, job: WorkJob) -> bool:
    """Moves the units; False when a pick task does not want them any more."""
    to_account_id = job.to_account_id or job.staging_account_id
    if job.variant_id is None or job.from_account_id is None or to_account_id is None:
        return True
    if job.pick_task_id is not None:
        # picking asks robots for boxes, so it is imported where it is used.
        from chalicelib import picking

        return picking.hand_over(uow, job.pick_task_id, to_account_id)
    reason = "robot_replenishment" if job.type == "REPLENISHMENT" else "robot_hand_over"
    stock.post(
        uow,
        moves=[
            stock.Move(
                job.variant_id, job.quantity, job.from_account_id, to_account_id, reason,
                f"storage_request:{job.request_id}", job.lot_id,
            )
        ],
        allocations=[stock.AllocationChange(job.variant_id, job.from_account_id, job.lot_id, -job.quantity)],
    )  # fmt: skip
    return True


def _find(uow: UnitOfWork, request_id: str, entities: Sequence[SkuEntity]) -> tuple[dict[str, KnownSku], int]:
    """The SKUs, and the first warehouse with robots that has all of it available, else the preferred one."""
    found = store.find_skus(uow, [entity.sku_id for entity in entities])
    names = {sku.asked for sku in found}
    unknown = dict.fromkeys(e.sku_id for e in entities if e.sku_id not in names)
    if unknown:
        raise RequestAborted(request_id, [Feedback.of("Sku", sku, rules.UNKNOWN) for sku in unknown])
    by_warehouse: dict[int, dict[str, KnownSku]] = defaultdict(dict)
    for sku in found:
        if sku.warehouse_id is None:
            raise NoStorage
        by_warehouse[sku.warehouse_id][sku.asked] = sku
    for warehouse_id, known in by_warehouse.items():
        if not _over(_wanted(entities, known), known):
            return known, warehouse_id
    first = next(iter(by_warehouse))
    return by_warehouse[first], first


def _wanted(entities: Sequence[SkuEntity], known: dict[str, KnownSku]) -> list[Wanted]:
    return [Wanted(n, known[e.sku_id].variant_id, known[e.sku_id].sku, e.quantity) for n, e in enumerate(entities)]


def _over(wanted: Sequence[Wanted], known: dict[str, KnownSku]) -> set[int]:
    """Variants of which more is asked than is available."""
    asked: dict[int, int] = defaultdict(int)
    for want in wanted:
        asked[want.variant_id] += want.quantity
    return {sku.variant_id for sku in known.values() if asked[sku.variant_id] > sku.available}


def _check_enough(
    request_id: str, wanted: Sequence[Wanted], known: dict[str, KnownSku], short: Sequence[Wanted]
) -> None:
    lacking = _over(wanted, known) | {want.variant_id for want in short}
    skus = dict.fromkeys(want.sku for want in wanted if want.variant_id in lacking)
    if skus:
        raise RequestAborted(request_id, [Feedback.of("Sku", sku, rules.NOT_ENOUGH) for sku in skus])


def _allocation(level: stock.FreeStock, quantity: int) -> stock.AllocationChange:
    return stock.AllocationChange(level.variant_id, level.account_id, level.lot_id, quantity)
