"""What happens to jobs, and through them to requests, carriers and orders: collected here, written in one statement."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.robots.rules import JOB, REQUEST, JobEvent, JobStatus, RequestEvent, RequestStatus, request_end


@dataclass(frozen=True)
class WorkJob:
    """An open job as its lock holder sees it, with what its request and balcony say."""

    id: str
    request_id: str
    entity_position: int | None
    type: str
    status: JobStatus
    priority: int
    bot_id: int | None
    carrier_id: int | None
    balcony_id: int | None
    variant_id: int | None
    lot_id: int | None
    quantity: int
    from_account_id: int | None
    to_account_id: int | None
    pick_task_id: int | None
    robot_order_id: int | None
    tries: int
    avoided_bot_id: int | None
    staging_account_id: int | None
    warehouse_id: int | None
    sku: str | None
    request_status: RequestStatus
    jobs_open: int
    jobs_succeeded: int
    jobs_failed: int
    placing_pos: int | None


@dataclass
class _Request:
    status: RequestStatus
    before: RequestStatus
    jobs_open: int
    jobs_succeeded: int
    jobs_failed: int
    placing_pos: int | None
    warnings: list[dict[str, str]] = field(default_factory=list)

    def apply(self, event: RequestEvent) -> None:
        if REQUEST.allows(self.status, event):
            self.status = REQUEST.next(self.status, event)


@dataclass
class _Counts:
    succeeded: int = 0
    completed: int = 0
    cancelled: int = 0


class Changes:
    """Changes to the work of the storage. `store.save` writes them; the caller holds the locks."""

    def __init__(self) -> None:
        self.jobs: dict[str, tuple[WorkJob, WorkJob]] = {}
        """before and after"""
        self.orders: dict[int, tuple[str, str]] = {}
        """status before and after"""
        self.carriers: dict[int, dict[str, Any]] = {}
        self._requests: dict[str, _Request] = {}
        self._entities: dict[tuple[str, int], _Counts] = defaultdict(_Counts)

    def job(self, job: WorkJob, event: JobEvent, **changes: Any) -> WorkJob:
        """Applies an event to a job. Raises Conflict when its state forbids it."""
        before, current = self.jobs.get(job.id, (job, job))
        after = replace(current, status=JOB.next(current.status, event), **changes)
        self.jobs[job.id] = (before, after)
        self._tell_request(after, event)
        return after

    def give(self, job: WorkJob, *, robot_order_id: int | None, bot_id: int | None, balcony_id: int) -> WorkJob:
        """Notes who brings a job's carrier where; its state stays."""
        before, current = self.jobs.get(job.id, (job, job))
        after = replace(current, robot_order_id=robot_order_id, bot_id=bot_id, balcony_id=balcony_id)
        self.jobs[job.id] = (before, after)
        self._request(job).placing_pos = balcony_id
        return after

    def warn(self, job: WorkJob, code: str, sentence: str) -> None:
        """Tells the request's owner why less was done than asked."""
        entity = job.sku or ""
        warning = {"job_id": job.id, "entity_id": entity, "error_code": code, "human_string": sentence}
        self._request(job).warnings.append(warning)

    def order(self, order_id: int, *, before: str, after: str) -> None:
        """Notes the status of a robot's order."""
        self.orders[order_id] = (before, after)

    def dock(self, carrier_id: int, balcony_id: int) -> None:
        """The carrier stands at a balcony."""
        self.carriers[carrier_id] = {"id": carrier_id, "balcony_id": balcony_id, "store_failures": 0}

    def put_away(self, carrier_id: int) -> None:
        """The carrier is back in its place."""
        self.carriers[carrier_id] = {"id": carrier_id, "balcony_id": None, "store_failures": 0}

    def not_put_away(self, carrier_id: int, balcony_id: int, failures: int) -> None:
        """A robot failed to take the carrier back; it still stands at its balcony."""
        self.carriers[carrier_id] = {"id": carrier_id, "balcony_id": balcony_id, "store_failures": failures}

    def __bool__(self) -> bool:
        return bool(self.jobs or self.orders or self.carriers)

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """The parameters of the statement that writes all of it."""
        return {
            "jobs": [_job_row(before, after) for before, after in self.jobs.values()],
            "orders": [{"id": k, "before": b, "after": a} for k, (b, a) in self.orders.items()],
            "carriers": list(self.carriers.values()),
            "requests": [_request_row(id, r) for id, r in sorted(self._requests.items())],
            "entities": [
                {"request_id": id, "position": n, **vars(counts)} for (id, n), counts in sorted(self._entities.items())
            ],
        }

    def _request(self, job: WorkJob) -> _Request:
        if job.request_id not in self._requests:
            self._requests[job.request_id] = _Request(
                job.request_status,
                job.request_status,
                job.jobs_open,
                job.jobs_succeeded,
                job.jobs_failed,
                job.placing_pos,
            )
        return self._requests[job.request_id]

    def _tell_request(self, job: WorkJob, event: JobEvent) -> None:
        request = self._request(job)
        if event == "accept":
            request.apply("accept")
        elif event in ("run", "dock"):
            request.apply("run")
        elif event != "retry":
            self._count(job, event)
            request.jobs_open -= 1
            request.jobs_succeeded += event in ("succeed", "finish")
            request.jobs_failed += event == "fail"
            if request.jobs_open == 0:
                request.apply(request_end(succeeded=request.jobs_succeeded, failed=request.jobs_failed))

    def _count(self, job: WorkJob, event: JobEvent) -> None:
        """A failure at the balcony counts as worked on, one before it as given up."""
        if job.entity_position is None:
            return
        counts = self._entities[job.request_id, job.entity_position]
        if event in ("succeed", "finish"):
            counts.succeeded += job.quantity
            counts.completed += job.quantity
        elif event == "fail" and self.jobs[job.id][0].status == "WAITING":
            counts.completed += job.quantity
        else:
            counts.cancelled += job.quantity


def _job_row(before: WorkJob, after: WorkJob) -> dict[str, Any]:
    names = ("id", "status", "bot_id", "balcony_id", "robot_order_id", "tries", "avoided_bot_id")
    return {"before": before.status, **{name: getattr(after, name) for name in names}}


def _request_row(request_id: str, request: _Request) -> dict[str, Any]:
    return {
        "id": request_id,
        "before": request.before,
        "status": request.status,
        "jobs_open": request.jobs_open,
        "jobs_succeeded": request.jobs_succeeded,
        "jobs_failed": request.jobs_failed,
        "placing_pos": request.placing_pos,
        "warnings": request.warnings,
    }
