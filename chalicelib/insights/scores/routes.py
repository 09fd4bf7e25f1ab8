"""Scores of customers, for commerce staff."""

from chalicelib.insights.scores import service
from chalicelib.insights.scores.service import ScoresUnderWay
from chalicelib.insights.scores.shapes import ScorePage, ScoreQuery, ScoresRequested, ShownScore
from chalicelib.kernel.access import STAFF
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody


@endpoint("GET", "/api/customers/scores", allow=STAFF())
def list_customer_scores(call: Call[NoBody], query: ScoreQuery) -> ScorePage:
    """Customers by how many orders are to be expected of them, with counts per tier and the state of the computation."""
    return service.list_scores(call.uow, query)


@endpoint("GET", "/api/customers/{customer_id}/score", allow=STAFF(), errors=(NotFound,))
def get_customer_score(call: Call[NoBody], customer_id: PathId) -> ShownScore:
    """The score of one customer; its fields are null for who has not ordered yet."""
    return service.get_score(call.uow, customer_id)


@endpoint("POST", "/api/scores/recompute", allow=STAFF("admin"), errors=(ScoresUnderWay,))
def recompute_scores(call: Call[NoBody]) -> ScoresRequested:
    """Has all scores computed anew by a worker; until it is done, the previous ones are shown."""
    service.request_scores(call.uow)
    return ScoresRequested()
