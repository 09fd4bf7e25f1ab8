"""What scores mean: tiers, which customers are enough to learn from, when the night's computation is due. Pure."""

from datetime import datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

Tier = Literal["loyal", "regular", "occasional", "at_risk", "lost"]
TIERS: tuple[Tier, ...] = get_args(Tier)

PERIOD_DAYS = 90
LOST_BELOW = 0.2
AT_RISK_BELOW = 0.6
"""Of the chance that somebody is a customer still; below the first one is lost, below the second at risk of it."""
LOYAL_FROM = 6.0
REGULAR_FROM = 2.0
"""Of orders expected in the next 90 days: one in a fortnight, one in six weeks."""

CUSTOMERS_MIN = 30
RETURNED_MIN = 10
"""Fewer customers, or fewer who ever came back, say nothing of the others; then `PRIOR` stands in for what they would say."""
PRIOR = (1.0, 14.0, 1.0, 12.0)
"""r, alpha in days, a, b: an order in a fortnight on average, and one customer in thirteen who does not return after it."""

NIGHT_HOUR = 2
RUN_LASTS_MAX = timedelta(minutes=15)
"""A run of which nothing was heard for so long may be replaced by another; its own tries are over by then."""


def tier_of(p_alive: float, expected_orders_90d: float) -> Tier:
    """The tier of a customer: first whether they are one still, then how much is to be expected."""
    if p_alive < LOST_BELOW:
        return "lost"
    if p_alive < AT_RISK_BELOW:
        return "at_risk"
    if expected_orders_90d >= LOYAL_FROM:
        return "loyal"
    return "regular" if expected_orders_90d >= REGULAR_FROM else "occasional"


def is_enough(customers: int, returned: int) -> bool:
    """Whether these customers say how the others are."""
    return customers >= CUSTOMERS_MIN and returned >= RETURNED_MIN


def last_night(now: datetime, time_zone: str) -> datetime:
    """The latest time that was two o'clock at night where the organization is."""
    here = now.astimezone(ZoneInfo(time_zone))
    night = here.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return night if night <= here else night - timedelta(days=1)
