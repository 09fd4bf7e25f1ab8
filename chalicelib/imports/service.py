"""Use cases of imports."""

from collections.abc import Callable
from typing import Any

from chalicelib.imports import entities, store
from chalicelib.imports.rules import Problem, Sorted
from chalicelib.imports.shapes import ImportProblem, ImportProgress, ImportReport, ImportRequest
from chalicelib.imports.store import Progress
from chalicelib.kernel.errors import BadRequest, Conflict, IntegrityViolation, NotFound
from chalicelib.kernel.uow import UnitOfWork

IMPORTERS: dict[str, Callable[[UnitOfWork, entities.Records], Sorted[Any]]] = {
    "items": entities.import_items,
    "bins": entities.import_bins,
    "purchase-orders": entities.import_purchase_orders,
    "sales-orders": entities.import_sales_orders,
}


class Overtaken(Conflict):
    """Somebody took a code of this import while it was checked. Nothing was imported; sending it again reports the code."""

    code = "overtaken"
    sentence = "Records changed while they were imported; send them again"


def import_records(uow: UnitOfWork, entity_type: str, request: ImportRequest) -> ImportReport:
    """Imports what is right of the records and says of every other one why not. Thirteen statements at most.

    A piece of an import that was imported already answers as it did then and changes nothing. Raises BadRequest for a kind
    that is not imported, Overtaken.
    """
    if entity_type not in IMPORTERS:
        raise BadRequest(f"Unknown entity type: {entity_type[:40]}. It must be one of {', '.join(IMPORTERS)}")
    if request.piece > request.pieces:
        raise BadRequest(f"Piece {request.piece} of {request.pieces}")
    store.lock(uow, entity_type)
    if request.import_id is not None:
        done = store.find_piece(uow, request.import_id, entity_type, request.piece)
        if done is not None:
            return _repeated(uow, entity_type, request, done)
    try:
        found = IMPORTERS[entity_type](uow, request.records)
    except (Conflict, IntegrityViolation, BadRequest) as refusal:
        raise Overtaken from refusal
    uow.audit(
        f"import.{entity_type}", "import", request.import_id or uow.request_id, after={"imported": len(found.good)}
    )
    return _report(uow, entity_type, request, found)


def _report(uow: UnitOfWork, entity_type: str, request: ImportRequest, found: Sorted[Any]) -> ImportReport:
    total = len(request.records)
    problems = sorted(found.problems, key=lambda problem: problem.row)
    counts = {"total": total, "imported": len(found.good), "skipped": total - len(found.good)}
    progress = None
    if request.import_id is not None:
        fields = {"import_id": request.import_id, "entity_type": entity_type, **counts}
        fields |= {"piece": request.piece, "pieces": request.pieces}
        noted = store.add_piece(uow, fields, [{"text": str(p), **_shown(p).model_dump()} for p in problems])
        progress = _progress(request.import_id, entity_type, noted)
    return ImportReport(
        message="Import complete",
        errors=[str(problem) for problem in problems],
        details=[_shown(problem) for problem in problems],
        progress=progress,
        **counts,
    )


def _shown(problem: Problem) -> ImportProblem:
    return ImportProblem(row=problem.row, loc=list(problem.loc), type=problem.type, msg=problem.message)


def _repeated(uow: UnitOfWork, entity_type: str, request: ImportRequest, done: dict[str, Any]) -> ImportReport:
    progress = dict(store.list_progress(uow, request.import_id or ""))[entity_type]
    return ImportReport(
        message="Import complete",
        total=done["total"],
        imported=done["imported"],
        skipped=done["skipped"],
        errors=[error["text"] for error in done["errors"]],
        details=[ImportProblem(**{k: v for k, v in error.items() if k != "text"}) for error in done["errors"]],
        progress=_progress(request.import_id or "", entity_type, progress),
    )


def show_progress(uow: UnitOfWork, import_id: str) -> list[ImportProgress]:
    """How far an import has come, by kind. Raises NotFound for one that nobody began."""
    found = [
        _progress(import_id, entity_type, progress) for entity_type, progress in store.list_progress(uow, import_id)
    ]
    if not found:
        raise NotFound("Import not found")
    return found


def _progress(import_id: str, entity_type: str, progress: Progress) -> ImportProgress:
    done = min(progress.pieces_done, progress.pieces)
    return ImportProgress(
        import_id=import_id,
        entity_type=entity_type,
        percent=100 * done // progress.pieces,
        is_complete=done == progress.pieces,
        **vars(progress),
    )
