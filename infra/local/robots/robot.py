"""One robot's mind: its orders, how far it is, what it reports. No clock, no network, no threads."""

from collections import OrderedDict, deque
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from infra.local.robots.protocol import Action, InstantAction, InstantActions, Message, Order, header

Status = Literal["WAITING", "RUNNING", "FINISHED", "FAILED"]
ENDED = ("FINISHED", "FAILED")
ORDERS_WAITING_MAX = 1000
ORDERS_REMEMBERED = 1000
ENDED_SHOWN = 100
WAITING_SHOWN = 100
"""AWS IoT takes messages up to 128 KiB; two hundred actions stay far below."""
ERRORS_SHOWN = 10
TRIP_COST, CHARGE_PER_S = 0.4, 0.5
"""Per cent of the battery."""


@dataclass
class Task:
    """An action and how far it is."""

    action_id: str
    action_type: str
    order_id: str
    carrier_id: str = ""
    goal: str = ""
    """The node the robot stands at when it is done."""
    status: Status = "WAITING"
    result: str = ""

    def report(self) -> Message:
        """The action as `actionStates` shows it."""
        return {
            "actionId": self.action_id,
            "actionType": self.action_type,
            "actionStatus": self.status,
            "resultDescription": self.result,
        }


@dataclass
class Assignment:
    """An order that was accepted and has not ended."""

    order_id: str
    update_id: int
    node_ids: list[str]
    tasks: list[Task]


@dataclass
class Memory:
    """All that must outlive a restart."""

    header_id: int = 0
    assignments: "OrderedDict[str, Assignment]" = field(default_factory=OrderedDict)
    known: "OrderedDict[str, int]" = field(default_factory=OrderedDict)
    """Update ids of orders, ended ones too, so that a repeat is recognised."""
    ended: "deque[Task]" = field(default_factory=lambda: deque(maxlen=ENDED_SHOWN))
    last_order: tuple[str, int] = ("", 0)
    last_node: str = "dock"
    load: str = ""
    charge: float = 100.0
    errors: list[Message] = field(default_factory=list)


class Robot:
    """Feed it messages and the time (seconds, any steady clock); then `state` says what to publish."""

    def __init__(self, serial: str, trip_s: float, memory: Memory | None = None) -> None:
        self.serial = serial
        self.memory = memory or Memory()
        self.fail_next = 0
        self._trip_s = trip_s
        self._arrives_at: float | None = None
        self._seen_at: float | None = None
        for task in self._open_tasks():
            task.status = "WAITING"  # a trip that a restart interrupted begins again
        self.memory.load = ""

    @property
    def wakes_at(self) -> float | None:
        """When `tick` has something to do; None while idle."""
        return self._arrives_at

    def order(self, payload: bytes, now: float) -> None:
        """Accept, recognise or refuse an order. Sending the same one again changes nothing."""
        try:
            order = Order.model_validate_json(payload)
        except ValidationError as error:
            self._error("validationError", _first_problem(error), {})
            return
        refusal = self._refusal(order)
        if refusal:
            kind, why = refusal
            ids = {"orderId": order.order_id, "orderUpdateId": str(order.order_update_id)}
            self._error(kind, why, ids)
        elif self.memory.known.get(order.order_id) != order.order_update_id:
            self._accept(order)
        self.tick(now)

    def instant_actions(self, payload: bytes, now: float) -> None:
        """`cancelOrder` and `stateRequest`; others are refused."""
        try:
            actions = InstantActions.model_validate_json(payload).actions
        except ValidationError as error:
            self._error("validationError", _first_problem(error), {})
            return
        for action in actions:
            if not any(task.action_id == action.action_id for task in self.memory.ended):
                self._instant(action)
        self.tick(now)

    def tick(self, now: float) -> bool:
        """Move on to `now`; True when something changed that is worth a state."""
        self._charge_battery(now)
        changed = False
        while self._step(now):
            changed = True
        return changed

    def state(self) -> Message:
        """The next state message."""
        memory = self.memory
        memory.header_id += 1
        current = next(iter(memory.assignments.values()), None)
        order_id, update_id = (current.order_id, current.update_id) if current else memory.last_order
        return {
            **header(memory.header_id, self.serial),
            "orderId": order_id,
            "orderUpdateId": update_id,
            "lastNodeId": memory.last_node,
            "lastNodeSequenceId": 0,
            "driving": self._arrives_at is not None,
            "nodeStates": [{"nodeId": node, "released": True} for node in (current.node_ids if current else [])],
            "edgeStates": [],
            "actionStates": [task.report() for task in self._shown_tasks()],
            "batteryState": {
                "batteryCharge": round(memory.charge, 1),
                "charging": self._arrives_at is None and memory.charge < 100,
            },
            "operatingMode": "AUTOMATIC",
            "loads": [{"loadId": memory.load}] if memory.load else [],
            "errors": memory.errors,
            "information": self._queue_report(),
            "safetyState": {"eStop": "NONE", "fieldViolation": False},
        }

    def _refusal(self, order: Order) -> tuple[str, str] | None:
        """Why an order cannot be taken, or None."""
        known = self.memory.known.get(order.order_id)
        if order.serial_number not in (None, self.serial):
            return "validationError", f"The order is for {order.serial_number}"
        if known is not None and order.order_update_id < known:
            return "orderUpdateError", f"Update {order.order_update_id} is older than {known}"
        if known == order.order_update_id:
            return None
        if known is None and len(self.memory.assignments) >= ORDERS_WAITING_MAX:
            return "orderError", "Too many orders are waiting"
        return self._wrong_actions(order)

    def _wrong_actions(self, order: Order) -> tuple[str, str] | None:
        actions = list(order.all_actions())
        for action in actions:
            if missing := action.missing():
                return "validationError", f"Action {action.action_id} lacks {', '.join(missing)}"
        ids = [action.action_id for action in actions]
        others = {task.action_id for task in self._all_tasks() if task.order_id != order.order_id}
        if len(ids) != len(set(ids)) or others.intersection(ids):
            return "validationError", "An actionId is used twice"
        return None

    def _accept(self, order: Order) -> None:
        memory = self.memory
        memory.errors = []
        memory.known[order.order_id] = order.order_update_id
        memory.known.move_to_end(order.order_id)
        while len(memory.known) > ORDERS_REMEMBERED + len(memory.assignments):
            memory.known.popitem(last=False)
        done = {task.action_id for task in self._all_tasks()}
        nodes = [node.node_id for node in order.nodes]
        fresh = [_task(action, order) for action in order.all_actions() if action.action_id not in done]
        running = memory.assignments.get(order.order_id)
        if running:
            running.update_id, running.node_ids = order.order_update_id, nodes
            running.tasks += fresh
        else:
            made = Assignment(order.order_id, order.order_update_id, nodes, fresh)
            memory.assignments[order.order_id] = made

    def _step(self, now: float) -> bool:
        """The next thing that happens by `now`: an arrival, an order's end, a departure."""
        current = next(iter(self.memory.assignments.values()), None)
        if current is None:
            return False
        if self._arrives_at is not None:
            return now >= self._arrives_at and self._arrive(current)
        task = next((task for task in current.tasks if task.status not in ENDED), None)
        if task is None:
            self._close(current)
            return True
        task.status = "RUNNING"
        self._arrives_at = now + self._trip_s
        self.memory.load = task.carrier_id
        return True

    def _arrive(self, current: Assignment) -> bool:
        self._arrives_at = None
        task = next(task for task in current.tasks if task.status == "RUNNING")
        self.memory.charge = max(self.memory.charge - TRIP_COST, 5.0)
        self.memory.load = ""
        if self.fail_next:
            self.fail_next -= 1
            self._fail(current, task)
        else:
            task.status = "FINISHED"
            self.memory.last_node = task.goal
        return True

    def _fail(self, current: Assignment, failed: Task) -> None:
        """What comes after a failed action in the same order cannot be done either."""
        failed.result = "The simulation was told to fail"
        for task in current.tasks:
            if task.status not in ENDED:
                task.status = "FAILED"
                task.result = task.result or f"{failed.action_id} failed"
        ids = {"orderId": current.order_id, "actionId": failed.action_id}
        self._error("actionFailed", failed.result, ids)

    def _close(self, current: Assignment) -> None:
        del self.memory.assignments[current.order_id]
        self.memory.ended.extend(current.tasks)
        self.memory.last_order = (current.order_id, current.update_id)

    def _instant(self, action: InstantAction) -> None:
        if action.action_type == "stateRequest":
            self._end_instant(action, "FINISHED", "")
        elif action.action_type == "cancelOrder":
            self._cancel(action)
        else:
            self._end_instant(action, "FAILED", "Unknown action type")

    def _cancel(self, action: InstantAction) -> None:
        order_id = action.parameter("orderId") or next(iter(self.memory.assignments), "")
        assignment = self.memory.assignments.get(order_id)
        if assignment is None:
            self._error("noOrderToCancel", "There is no such order", {"actionId": action.action_id})
            self._end_instant(action, "FAILED", "There is no such order")
            return
        for task in assignment.tasks:
            if task.status == "RUNNING":
                self._arrives_at, self.memory.load = None, ""
            if task.status not in ENDED:
                task.status, task.result = "FAILED", "Cancelled"
        self._close(assignment)
        self._end_instant(action, "FINISHED", "")

    def _end_instant(self, action: InstantAction, status: Status, result: str) -> None:
        task = Task(action.action_id, action.action_type, "", status=status, result=result)
        self.memory.ended.append(task)

    def _error(self, kind: str, why: str, references: dict[str, str]) -> None:
        made = {
            "errorType": kind,
            "errorLevel": "WARNING",
            "errorDescription": why,
            "errorReferences": [{"referenceKey": key, "referenceValue": value} for key, value in references.items()],
        }
        self.memory.errors = [*self.memory.errors, made][-ERRORS_SHOWN:]

    def _charge_battery(self, now: float) -> None:
        if self._seen_at is not None and self._arrives_at is None:
            self.memory.charge = min(100.0, self.memory.charge + CHARGE_PER_S * (now - self._seen_at))
        self._seen_at = now

    def _open_tasks(self) -> list[Task]:
        tasks = [task for assignment in self.memory.assignments.values() for task in assignment.tasks]
        return [task for task in tasks if task.status not in ENDED]

    def _all_tasks(self) -> list[Task]:
        open_orders = self.memory.assignments.values()
        return [*self.memory.ended, *(task for each in open_orders for task in each.tasks)]

    def _shown_tasks(self) -> list[Task]:
        """Ended actions, then the order that runs, then as many waiting ones as a message may hold."""
        orders = list(self.memory.assignments.values())
        waiting = [task for each in orders[1:] for task in each.tasks]
        return [*self.memory.ended, *(orders[0].tasks if orders else []), *waiting[:WAITING_SHOWN]]

    def _queue_report(self) -> list[Message]:
        waiting = list(self.memory.assignments)[1:]
        if not waiting:
            return []
        shown = [{"referenceKey": "orderId", "referenceValue": each} for each in waiting[:WAITING_SHOWN]]
        told = f"{len(waiting)} orders are waiting"
        return [
            {
                "infoType": "ordersWaiting",
                "infoLevel": "INFO",
                "infoDescription": told,
                "infoReferences": shown,
            }
        ]


def dump(memory: Memory) -> dict[str, Any]:
    """JSON-ready form of a memory."""
    return {**asdict(memory), "ended": [asdict(task) for task in memory.ended]}


def load(doc: dict[str, Any]) -> Memory:
    """A memory from what `dump` made of it."""
    assignments = OrderedDict(
        (order_id, Assignment(**{**each, "tasks": [Task(**task) for task in each["tasks"]]}))
        for order_id, each in doc["assignments"].items()
    )
    restored = {
        "assignments": assignments,
        "known": OrderedDict(doc["known"]),
        "ended": deque((Task(**task) for task in doc["ended"]), maxlen=ENDED_SHOWN),
        "last_order": tuple(doc["last_order"]),
    }
    return Memory(**{**doc, **restored})


def _task(action: Action, order: Order) -> Task:
    stored_at = order.nodes[-1].node_id if order.nodes else "storage"
    balcony = action.parameter("balconyId")
    goal = balcony if action.action_type == "bringCarrier" and balcony else stored_at
    carrier = action.parameter("carrierId") or ""
    return Task(action.action_id, action.action_type, order.order_id, carrier, goal)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    return f"{'.'.join(str(step) for step in problem['loc'])}: {problem['msg']}"
