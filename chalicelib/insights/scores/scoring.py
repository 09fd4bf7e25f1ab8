"""From histories to scores: the models fitted and asked. Needs numpy, so only the worker loads it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chalicelib.insights.scores import model, rules
from chalicelib.insights.scores.model import Floats, Kind, Parameters
from chalicelib.insights.scores.rules import Tier

DECIMALS = 4


@dataclass(frozen=True)
class Learned:
    """A model behind the scores, and where its parameters come from."""

    kind: Kind
    r: float
    alpha: float
    a: float
    b: float
    source: str
    """fitted, or prior."""
    log_likelihood: float | None


@dataclass(frozen=True)
class Scores:
    """One entry per customer, in the order of the histories."""

    tiers: Sequence[Tier]
    p_alive: Sequence[float]
    expected_orders_90d: Sequence[float]
    bg_nbd_p_alive: Sequence[float]
    bg_nbd_expected_orders_90d: Sequence[float]
    models: Sequence[Learned]


def score(order_days: Sequence[int], first_days: Sequence[int], last_days: Sequence[int], today: int) -> Scores:
    """Scores of customers, of whom we know how many days had an order, the first and the last of them; days are numbers."""
    count, first, last = (np.array(days, dtype=np.float64) for days in (order_days, first_days, last_days))
    histories, row_of = model.grouped(count - 1, last - first, today - first)
    returned = float(histories.count[histories.x > 0].sum())
    is_enough = rules.is_enough(len(order_days), int(returned))
    mbg, bg = _learned("MBG/NBD", histories, is_enough), _learned("BG/NBD", histories, is_enough)
    alive, expected = _asked(mbg, histories)
    bg_alive, bg_expected = _asked(bg, histories)
    tiers = [rules.tier_of(*pair) for pair in zip(alive.tolist(), expected.tolist(), strict=True)]
    return Scores(
        tiers=[tiers[row] for row in row_of.tolist()],
        p_alive=alive[row_of].tolist(),
        expected_orders_90d=expected[row_of].tolist(),
        bg_nbd_p_alive=bg_alive[row_of].tolist(),
        bg_nbd_expected_orders_90d=bg_expected[row_of].tolist(),
        models=(mbg, bg),
    )


def _learned(kind: Kind, histories: model.Histories, is_enough: bool) -> Learned:
    """The model as these customers say it; as we assume it where they are too few, or say nothing definite."""
    fitted = model.fit(kind, histories) if is_enough else None
    if fitted is None or not fitted.is_converged:
        return Learned(kind, *rules.PRIOR, source="prior", log_likelihood=None)
    found = fitted.parameters
    return Learned(kind, found.r, found.alpha, found.a, found.b, "fitted", fitted.log_likelihood)


def _asked(learned: Learned, histories: model.Histories) -> tuple[Floats, Floats]:
    """The chance to be a customer still, and the orders to be expected, as they are shown, filtered and sorted."""
    parameters = Parameters(learned.kind, learned.r, learned.alpha, learned.a, learned.b)
    alive = model.p_alive(parameters, histories)
    expected = model.expected_orders(parameters, histories, rules.PERIOD_DAYS)
    return np.round(alive, DECIMALS), np.round(expected, DECIMALS)
