"""Use cases of scores: have them computed, compute them, show them."""

from collections import Counter
from dataclasses import asdict
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from chalicelib.insights.scores import rules, store
from chalicelib.insights.scores.events import ScoresDue
from chalicelib.insights.scores.shapes import ScorePage, ScoreQuery, ShownScore
from chalicelib.insights.scores.store import Histories
from chalicelib.kernel import ids
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import Conflict, NotFound
from chalicelib.kernel.paging import window
from chalicelib.kernel.uow import UnitOfWork

if TYPE_CHECKING:
    from chalicelib.insights.scores.scoring import Scores

EPOCH = date(1970, 1, 1)


class ScoresUnderWay(Conflict):
    """The scores are being computed."""

    code = "scores_under_way"
    sentence = "Scores are being computed already"


def request_scores(uow: UnitOfWork) -> None:
    """Has all scores computed by a worker. Raises ScoresUnderWay while a run is not over."""
    run_id = _new_run_id(uow)
    if not store.claim_run(uow, run_id):
        raise ScoresUnderWay
    uow.publish(ScoresDue(run_id=run_id).message())
    uow.audit("recompute", "scores", uow.organization.id)


def queue_nightly_scores(uow: UnitOfWork) -> None:
    """Has the scores computed once after every two o'clock at night, as the organization's clocks show it.

    Nothing for an organization that was not there then, has no customers, or had its scores computed since. A night that was
    missed is made up for. May be repeated at any time.
    """
    run_id = _new_run_id(uow)
    if store.claim_run(uow, run_id, before=rules.last_night(uow.now, uow.organization.time_zone)):
        uow.publish(ScoresDue(run_id=run_id).message())


def _new_run_id(uow: UnitOfWork) -> UUID:
    return ids.uuid7(int(uow.now.timestamp() * 1000))


def compute(uow: UnitOfWork, run_id: UUID) -> Outside["Scores", None] | None:
    """Computes all scores, in no transaction, between one that reads and one that writes them.

    Readers see the scores of before until that one commits, and then all of the new ones. None for a run that is over.
    """
    if not store.start_run(uow, run_id):
        return None
    today = uow.now.astimezone(ZoneInfo(uow.organization.time_zone)).date()
    histories = store.read_histories(uow)
    return Outside(partial(_scored, histories, today), partial(_record, run_id, histories, today))


def _scored(histories: Histories, today: date) -> "Scores":
    from chalicelib.insights.scores import scoring

    days = (histories.order_days, histories.first_days, histories.last_days)
    return scoring.score(*days, today=(today - EPOCH).days)


def _record(run_id: UUID, histories: Histories, today: date, uow: UnitOfWork, scores: "Scores") -> None:
    """Writes what came of a run; nothing when another one has replaced it meanwhile."""
    if not store.lock_run(uow, run_id):
        return
    columns = {
        "customer_id": histories.customer_ids,
        "order_days": histories.order_days,
        "first_day": histories.first_days,
        "last_day": histories.last_days,
        "tier": scores.tiers,
        "p_alive": scores.p_alive,
        "expected_orders_90d": scores.expected_orders_90d,
        "bg_nbd_p_alive": scores.bg_nbd_p_alive,
        "bg_nbd_expected_orders_90d": scores.bg_nbd_expected_orders_90d,
    }
    store.write_scores(uow, columns)
    counted = Counter(scores.tiers)
    store.finish_run(
        uow,
        run_id,
        today,
        {tier: counted[tier] for tier in rules.TIERS},
        [asdict(learned) for learned in scores.models],
    )


def list_scores(uow: UnitOfWork, query: ScoreQuery) -> ScorePage:
    """A page of the customers that have a score, in one statement."""
    params: dict[str, Any] = {
        "tier": query.tier,
        "min_p_alive": query.min_p_alive,
        "max_p_alive": query.max_p_alive,
        "search": query.search.strip(),
        **window(query),
    }
    return ScorePage.of(store.list_scores(uow, query.ordering, params), query, uow.now)


def get_score(uow: UnitOfWork, customer_id: int) -> ShownScore:
    """One customer's score, empty for somebody who has not ordered. Raises NotFound."""
    row = store.find_score(uow, customer_id)
    if row is None:
        raise NotFound
    return ShownScore.of(row)
