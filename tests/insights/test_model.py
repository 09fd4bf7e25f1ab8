"""The models against what was published about CDNOW, and against their own definitions, integrated numerically."""

import csv
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from chalicelib.insights.scores import model
from chalicelib.insights.scores.model import Histories, Kind, Parameters

KINDS: tuple[Kind, ...] = ("MBG/NBD", "BG/NBD")
PUBLISHED: dict[Kind, Parameters] = {
    "BG/NBD": Parameters("BG/NBD", 0.2426, 4.4135, 0.7929, 2.4258),
    "MBG/NBD": Parameters("MBG/NBD", 0.525, 6.183, 0.891, 1.614),
}
"""BG/NBD: Fader, Hardie, Lee (2005), table 1 (log-likelihood -9582.4) and their spreadsheet; MBG/NBD: the R package BTYDplus,
whose estimates the tests of PyPI's lifetimes quote."""
HISTORIES = [(0, 0, 0), (0, 0, 38.86), (1, 1.71, 38.86), (2, 30.43, 38.86), (7, 29.43, 38.86), (26, 31, 31.14)]


def cdnow() -> Histories:
    lines = Path(__file__).with_name("cdnow.csv").read_text(encoding="utf-8").splitlines()
    rows = np.array([[float(value) for value in row] for row in csv.reader(lines[5:])])
    return Histories(*rows.T)


def one(x: float, t_x: float, T: float) -> Histories:  # noqa: N803  # the papers' name
    return Histories(*(np.array([value], dtype=np.float64) for value in (x, t_x, T, 1.0)))


def close(found: float, expected: float, digits: int) -> bool:
    return round(found, digits) == expected


# The estimates.


def test_the_data_are_cdnows() -> None:
    data = cdnow()
    assert (data.count.sum(), (data.count * data.x).sum()) == (2357, 2457)


def test_bg_nbd_of_cdnow() -> None:
    fitted = model.fit("BG/NBD", cdnow())
    found, published = fitted.parameters, PUBLISHED["BG/NBD"]
    assert fitted.is_converged
    assert [round(p, 4) for p in (found.r, found.alpha, found.a, found.b)] == [
        published.r, published.alpha, published.a, published.b,
    ]  # fmt: skip
    assert close(fitted.log_likelihood, -9582.43, 2)


def test_mbg_nbd_of_cdnow() -> None:
    fitted = model.fit("MBG/NBD", cdnow())
    found, published = fitted.parameters, PUBLISHED["MBG/NBD"]
    assert fitted.is_converged
    assert [round(p, 3) for p in (found.r, found.alpha, found.a, found.b)] == [
        published.r, published.alpha, published.a, published.b,
    ]  # fmt: skip
    assert close(fitted.log_likelihood, -9582.13, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_the_unit_of_time_does_not_matter(kind: Kind) -> None:
    weeks = cdnow()
    by_week = model.fit(kind, weeks).parameters
    by_day = model.fit(kind, Histories(weeks.x, weeks.t_x * 7, weeks.T * 7, weeks.count)).parameters
    assert (by_day.r, by_day.alpha / 7, by_day.a, by_day.b) == pytest.approx(
        (by_week.r, by_week.alpha, by_week.a, by_week.b), rel=1e-4
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_the_likelihoods(kind: Kind) -> None:
    objective, place = model._Objective(kind, cdnow()), np.log(np.array([0.3, 5.0, 0.9, 2.0]))
    _, slope = objective(place)
    steps = np.eye(4) * 1e-6
    differences = [(objective(place + step)[0] - objective(place - step)[0]) / 2e-6 for step in steps]
    assert slope == pytest.approx(np.array(differences), abs=1e-7)


@pytest.mark.parametrize(
    ("_case", "rows"),
    [
        ("everybody came once, today", [(0, 0, 0)] * 40),
        ("everybody came once, long ago", [(0, 0, 500)] * 40),
        ("nobody ever leaves", [(n, 7 * n, 7 * n + 1) for n in range(1, 41)]),
        ("everybody is alike", [(5, 50, 60)] * 40),
        ("one very busy customer", [(1, 9, 400)] * 30 + [(3000, 3000, 3000)]),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_odd_customers_give_finite_answers(kind: Kind, _case: str, rows: list[tuple[float, float, float]]) -> None:
    histories, row_of = model.grouped(*(np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)))
    parameters = model.fit(kind, histories).parameters
    alive, expected = model.p_alive(parameters, histories), model.expected_orders(parameters, histories, 90.0)
    assert len(row_of) == len(rows)
    assert np.isfinite(alive).all()
    assert np.isfinite(expected).all()
    assert ((alive >= 0) & (alive <= 1)).all()
    assert (expected >= 0).all()


# What follows from them.


def test_expected_orders_as_published() -> None:
    """Fader, Hardie, Lee (2005): 1.226 in the next 39 weeks of the customer with x = 2, t_x = 30.43, T = 38.86."""
    found = model.expected_orders(PUBLISHED["BG/NBD"], one(2, 30.43, 38.86), 39.0)[0]
    assert close(found, 1.226, 3)


def test_expected_orders_of_a_new_customer_as_published() -> None:
    """Hardie's spreadsheet to the paper, E[X(t)]; a new customer is one whose history is empty."""
    weeks = [0.1429, 1.0, 3.0, 31.8571, 32.0, 78.0]
    fitted = model.fit("BG/NBD", cdnow()).parameters
    found = [model.expected_orders(fitted, one(0, 0, 0), week)[0] for week in weeks]
    assert found == pytest.approx([0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576], abs=5e-4)  # its series is cut short


def test_one_order_only() -> None:
    """BG/NBD takes whoever has ordered once for a customer for ever, which is why it is not the default."""
    long_ago = one(0, 0, 1000)
    assert model.p_alive(PUBLISHED["BG/NBD"], long_ago)[0] == 1.0
    assert model.p_alive(PUBLISHED["MBG/NBD"], long_ago)[0] == pytest.approx(
        1 / (1 + 0.891 / 1.614 * ((6.183 + 1000) / 6.183) ** 0.525)
    )


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_formulas_are_the_models(kind: Kind, history: tuple[float, float, float]) -> None:
    """The chance to be a customer still, and the orders to be expected, by integrating over the rates and chances to leave."""
    parameters = PUBLISHED[kind]
    alive, expected = integrated(parameters, *history, period=13.0)
    assert model.p_alive(parameters, one(*history))[0] == pytest.approx(alive, rel=1e-5)
    assert model.expected_orders(parameters, one(*history), 13.0)[0] == pytest.approx(expected, rel=1e-5)


def test_where_the_formula_has_a_hole() -> None:
    """At a = 1 its terms are infinite; the value is not."""
    near = [
        model.expected_orders(Parameters("MBG/NBD", 1.0, 14.0, a, 12.0), one(3, 60, 70), 90.0)[0]
        for a in (0.9999, 1.0, 1.0001)
    ]
    assert near[1] == pytest.approx((near[0] + near[2]) / 2, rel=1e-5)


def test_a_very_long_period_and_a_very_young_customer() -> None:
    """The series converges slowly there, and still does."""
    parameters = Parameters("MBG/NBD", 1.0, 0.5, 0.8, 3.0)
    _, expected = integrated(parameters, 0, 0, 0, period=90.0)
    assert model.expected_orders(parameters, one(0, 0, 0), 90.0)[0] == pytest.approx(expected, rel=1e-4)


def integrated(
    of: Parameters,
    x: float,
    t_x: float,
    T: float,  # noqa: N803  # the papers' name
    *,
    period: float,
) -> tuple[float, float]:
    """p_alive and expected orders from the definitions alone: the priors of rate and chance to leave, integrated away.

    Over the rate in closed form, for a gamma integral is one; over the chance to leave by the midpoint rule after a change of
    variables that takes the ends' singularities away. Each history says: ordered x times, stayed after each of these (and, in
    MBG/NBD, after the first), and then either stayed once more and has not ordered since, or left.
    """
    stays = x + 1 if of.kind == "MBG/NBD" else x

    def density(p: float) -> float:
        return math.pow(p, of.a - 1) * math.pow(1 - p, of.b - 1)

    def rate(since: float) -> float:
        return math.pow(of.alpha + since, -(of.r + x))

    def stayed(p: float) -> float:
        return density(p) * math.pow(1 - p, stays) * rate(T)

    def left(p: float) -> float:
        return density(p) * p * math.pow(1 - p, stays - 1) * rate(t_x) if stays > 0 else 0.0

    def to_come(p: float) -> float:
        """Of a customer who is one at T: orders until leaving, each of which is followed by that with chance p."""
        held = math.pow((of.alpha + T) / (of.alpha + T + p * period), of.r + x)
        return stayed(p) * (1 - held) / p

    is_one, is_none = _over_chances(stayed), _over_chances(left)
    return is_one / (is_one + is_none), _over_chances(to_come) / (is_one + is_none)


def _over_chances(f: Callable[[float], float], steps: int = 40_000) -> float:
    """From 0 to 1, with p = (1 + tanh(sinh(u) pi/2)) / 2 (double exponential quadrature)."""
    width, total = 8.0 / steps, 0.0
    for n in range(steps):
        u = -4.0 + (n + 0.5) * width
        s = math.pi / 2 * math.sinh(u)
        p = 1 / (1 + math.exp(-2 * s)) if s > -300 else 0.0
        weight = math.pi / 2 * math.cosh(u) / (2 * math.cosh(s) ** 2) if abs(s) < 300 else 0.0
        if 0 < p < 1 and weight > 0:
            total += f(p) * weight * width
    return total
