"""What the endpoints of scores read and say."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib.insights.scores.rules import (
    AT_RISK_BELOW,
    LOST_BELOW,
    LOYAL_FROM,
    PERIOD_DAYS,
    REGULAR_FROM,
    TIERS,
    Tier,
)
from chalicelib.kernel.paging import Paged, PageQuery, paged
from chalicelib.kernel.shapes import Instant, Shape

Chance = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Ordering = Literal["expected_orders_90d", "-expected_orders_90d", "p_alive", "-p_alive", "customer_id", "-customer_id"]
RunStatus = Literal["none", "queued", "running", "done", "lost"]
TIER_SAYS = (
    f"lost: p_alive below {LOST_BELOW}; at_risk: below {AT_RISK_BELOW}; else by the orders expected in {PERIOD_DAYS} days: "
    f"loyal from {LOYAL_FROM:g}, regular from {REGULAR_FROM:g}, occasional below"
)


class ScoreQuery(PageQuery):
    """Which customers, in which order."""

    tier: Tier | None = Field(None, description=TIER_SAYS)
    min_p_alive: Chance | None = None
    max_p_alive: Chance | None = None
    search: Annotated[str, StringConstraints(max_length=200)] = Field(
        "",
        description="A part of user name, company, name, e-mail address or phone number; finds 1,000 customers at most",
    )
    ordering: Ordering = Field("-expected_orders_90d", description="A leading minus: the highest first")


class OtherModel(Shape):
    """What BG/NBD says of the same customer, for comparison: to it everybody who has ordered once is a customer for ever."""

    p_alive: float
    expected_orders_90d: float

    @classmethod
    def find(cls, row: Mapping[str, Any]) -> Self | None:
        """From the row; None for a customer without a score."""
        if row["bg_nbd_p_alive"] is None:
            return None
        return cls(p_alive=row["bg_nbd_p_alive"], expected_orders_90d=row["bg_nbd_expected_orders_90d"])


class CustomerScore(Shape):
    """A customer and how likely they are to order again; the score's fields are null for who has not ordered yet."""

    customer_id: int
    username: str
    company_name: str
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    tier: Tier | None = Field(description=TIER_SAYS)
    p_alive: float | None = Field(description="The chance that this is a customer still, 0 to 1, by MBG/NBD")
    expected_orders_90d: float | None = Field(
        description="Days with an order to be expected in the next 90 days, on average, by MBG/NBD"
    )
    order_days: int | None = Field(description="Days with an order; cancelled and refunded ones do not count")
    first_order_on: date | None
    last_order_on: date | None
    bg_nbd: OtherModel | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """From the row."""
        same = {name: row[name] for name in cls.model_fields if name in row}
        return cls.model_validate({**same, "bg_nbd": OtherModel.find(row)})


class ShownScore(CustomerScore):
    """One customer's score, and when it was computed."""

    last_computed: Instant | None


class LearnedModel(Shape):
    """A model behind the scores: gamma (r, alpha in days) of the rates of ordering, beta (a, b) of the chance to leave."""

    kind: str
    r: float
    alpha: float
    a: float
    b: float
    source: Literal["fitted", "prior"] = Field(
        description="prior: there were too few customers to learn from, or they said nothing definite"
    )
    log_likelihood: float | None


class RunView(Shape):
    """The latest computation, and what the scores are of."""

    status: RunStatus = Field(description="lost: nothing was heard of it for 15 minutes, another one may be started")
    requested_by: str | None
    requested_at: Instant | None
    started_at: Instant | None
    as_of: date | None = Field(description="The organization's day that the scores are of")
    customers: int
    models: list[LearnedModel]

    @classmethod
    def of(cls, row: Mapping[str, Any], now: datetime) -> Self:
        """From the row; all of it is null where scores were never asked for."""
        if row["run_id"] is None:
            empty = dict.fromkeys(("requested_by", "requested_at", "started_at", "as_of"))
            return cls.model_validate({**empty, "status": "none", "customers": 0, "models": []})
        same = {name: row[name] for name in cls.model_fields if name in row}
        return cls.model_validate({**same, "status": _status(row, now)})


def _status(row: Mapping[str, Any], now: datetime) -> RunStatus:
    if row["busy_until"] is None:
        return "done"
    if row["busy_until"] <= now:
        return "lost"
    return "queued" if row["started_at"] is None else "running"


class ScorePage(Paged):
    """A page of scores. `total` stops counting 1,000 customers after the page."""

    results: list[CustomerScore]
    tier_counts: dict[Tier, int] = Field(description="Of all customers, whatever is asked for")
    last_computed: Instant | None
    run: RunView

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]], query: ScoreQuery, now: datetime) -> Self:
        """From the rows of the page, the first of which is there in any case."""
        first = rows[0]
        counts = first["tier_counts"] or {}
        return cls(
            results=[CustomerScore.of(row) for row in rows if row["customer_id"] is not None],
            tier_counts={tier: counts.get(tier, 0) for tier in TIERS},
            last_computed=first["last_computed"],
            run=RunView.of(first, now),
            **paged(query, first["total"]),
        )


class ScoresRequested(Shape):
    """A worker computes them now."""

    success: bool = True
    message: str = "Scores are being computed"
