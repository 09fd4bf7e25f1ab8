"""BG/NBD and MBG/NBD: how often customers order while they are customers, and whether they still are.

While a customer is one, orders come at random at a rate that differs between customers (gamma: `r`, `alpha`). After each order
a customer may leave for good, with a probability that differs as well (beta: `a`, `b`). BG/NBD lets nobody leave before the
second order, so that whoever has ordered once counts as a customer for ever; MBG/NBD lets them leave after the first.

Sources: Fader, Hardie, Lee (2005), "Counting Your Customers the Easy Way", Marketing Science 24(2), for BG/NBD; Batislam,
Denizel, Filiztekin (2007), "Empirical validation and comparison of models for customer base analysis", IJRM 24(3), and Wagner,
Hoppe (2008), "Erratum on the MBG/NBD Model", IJRM 25(3), for MBG/NBD. Written with numpy alone; time is in any one unit.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["MBG/NBD", "BG/NBD"]
Floats = NDArray[np.float64]

STEPS_MAX = 200
GRADIENT_ENOUGH, GRADIENT_BEARABLE = 1e-7, 3e-4
"""The likelihood of one customer hardly changes any more with any parameter's logarithm; or so little that it will do."""
NOISE = 1e-11
"""Less of a change is rounding: of the likelihood's logarithm, in parts of it."""
SMALLEST = np.log(np.array([1e-4, 1e-4, 1e-4, 1e-4]))
LARGEST = np.log(np.array([1e4, 1e7, 1e4, 1e4]))
"""Logarithms of r, alpha, a, b; customers who are all alike would send them towards infinity."""
NODES = 40
"""Chances to leave that stand for all; enough for five digits when a period is hundreds of times as long as alpha."""


@dataclass(frozen=True)
class Histories:
    """What the models know of customers: one row for all who have the same, and how many they are.

    `x`: orders after the first; `t_x`: time from the first order to the last; `T`: time from the first order until now.
    """

    x: Floats
    t_x: Floats
    T: Floats
    count: Floats


@dataclass(frozen=True)
class Parameters:
    """A model that was fitted: gamma (`r`, `alpha`) of the rates of ordering, beta (`a`, `b`) of the chance to leave."""

    kind: Kind
    r: float
    alpha: float
    a: float
    b: float


@dataclass(frozen=True)
class Fit:
    """Parameters of largest likelihood, that likelihood's logarithm, and whether the search came to its end."""

    parameters: Parameters
    log_likelihood: float
    is_converged: bool


def grouped(x: Floats, t_x: Floats, T: Floats) -> tuple[Histories, NDArray[np.intp]]:  # noqa: N803  # the papers' name
    """Histories that differ, and for each customer the row of theirs."""
    rows, row_of, counts = np.unique(np.stack([x, t_x, T], axis=1), axis=0, return_inverse=True, return_counts=True)
    return Histories(rows[:, 0], rows[:, 1], rows[:, 2], counts.astype(np.float64)), row_of.reshape(-1)


def fit(kind: Kind, histories: Histories) -> Fit:
    """The parameters under which these histories are most likely.

    A quasi-Newton search (BFGS) over the parameters' logarithms with the exact gradient, started where rates and times are of
    the size of the data's.
    """
    objective = _Objective(kind, histories)
    time_scale = max(float(np.average(histories.T, weights=histories.count)), 1e-3)
    start = np.log(np.array([0.5, time_scale / 4, 1.0, 2.0]))
    found, value, is_converged = _minimum(objective, start)
    parameters = Parameters(kind, *(float(p) for p in np.exp(found)))
    return Fit(parameters, -value * float(histories.count.sum()), is_converged)


class _Objective:
    """The negative logarithm of the likelihood of one customer on average, and its gradient, by logarithms of parameters."""

    def __init__(self, kind: Kind, histories: Histories) -> None:
        self._data, self._weight = histories, histories.count / histories.count.sum()
        self._distinct, self._place = np.unique(histories.x, return_inverse=True)
        self._chances = 1.0 if kind == "MBG/NBD" else 0.0
        self._may_have_left = (histories.x > 0) if kind == "BG/NBD" else np.ones(len(histories.x), dtype=bool)

    def __call__(self, logs: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = np.exp(logs)
        data, stayed = self._data, self._distinct + self._chances
        age, recency = np.log(alpha + data.T), np.log(alpha + data.t_x)
        shape = r + data.x
        staying = _log_gamma(b + stayed)[self._place] - shape * age
        left = math.log(a) + _log_gamma(b + np.maximum(stayed - 1, 0))[self._place] - shape * recency
        left = np.where(self._may_have_left, left, -np.inf)
        either = np.logaddexp(staying, left)
        common = _log_gamma(r + self._distinct) - _log_gamma(a + b + stayed) - math.lgamma(r) + r * math.log(alpha)
        common += math.lgamma(a + b) - math.lgamma(b)
        value = -float((self._weight * (common[self._place] + either)).sum())
        return value, self._gradient(r, alpha, a, b, np.exp(staying - either), age, recency)

    def _gradient(
        self, r: float, alpha: float, a: float, b: float, alive: Floats, age: Floats, recency: Floats
    ) -> Floats:
        """With `alive` the chance of each history's customer to be one still."""
        data, weight, stayed = self._data, self._weight, self._distinct + self._chances
        gone, shape = 1 - alive, r + data.x
        total = _digamma(a + b + stayed)[self._place]
        by_r = _digamma(r + self._distinct)[self._place] - _digamma(r) + math.log(alpha) - alive * age - gone * recency
        by_alpha = r / alpha - shape * (alive / (alpha + data.T) + gone / (alpha + data.t_x))
        by_a = _digamma(a + b) - total + gone / a
        later, before = _digamma(b + stayed)[self._place], _digamma(b + np.maximum(stayed - 1, 0))[self._place]
        by_b = _digamma(a + b) - _digamma(b) - total + alive * later + gone * before
        slopes = (r * by_r, alpha * by_alpha, a * by_a, b * by_b)
        # Not weight @ slope: BLAS would start threads for it that we have no cores for.
        return -np.array([(weight * slope).sum() for slope in slopes])


def _minimum(objective: _Objective, start: Floats) -> tuple[Floats, float, bool]:
    """BFGS with a line search that halves (Nocedal, Wright, "Numerical Optimization", 6.1); the place stays in its bounds.

    Whether the search came to its end is the third of what it returns: a parameter at its bound counts as at rest there.
    """
    place, one = start, np.eye(len(start))
    inverse, was_held = one, np.zeros(len(start), dtype=bool)
    value, gradient = objective(place)
    for _ in range(STEPS_MAX):
        is_held = ((place <= SMALLEST) & (gradient > 0)) | ((place >= LARGEST) & (gradient < 0))
        slope = np.where(is_held, 0.0, gradient)
        if float(np.abs(slope).max()) < GRADIENT_ENOUGH:
            return place, value, True
        if (is_held != was_held).any():
            inverse, was_held = one, is_held
        direction = np.where(is_held, 0.0, -inverse @ slope)
        found = _line_search(objective, place, value, slope, direction)
        if found is None and inverse is not one:
            inverse = one
            continue
        if found is None or value - found[1] < NOISE * max(1.0, abs(value)):
            break
        next_place, next_value, next_gradient = found
        step, change = next_place - place, np.where(is_held, 0.0, next_gradient - gradient)
        curvature = float(step @ change)
        if curvature > 1e-14:
            scaled = np.outer(step, change) / curvature
            inverse = (one - scaled) @ inverse @ (one - scaled.T) + np.outer(step, step) / curvature
        place, value, gradient = next_place, next_value, next_gradient
    return place, value, float(np.abs(slope).max()) < GRADIENT_BEARABLE


def _line_search(
    objective: _Objective, place: Floats, value: float, slope: Floats, direction: Floats
) -> tuple[Floats, float, Floats] | None:
    """A step along a direction that leads down and is worth it; None when none is."""
    if float(direction @ slope) >= 0:
        return None
    length = min(1.0, 2.0 / float(np.abs(direction).max()))
    for _ in range(30):
        candidate = np.clip(place + length * direction, SMALLEST, LARGEST)
        found, gradient = objective(candidate)
        if found < value + 1e-4 * float(slope @ (candidate - place)):
            return candidate, found, gradient
        length /= 2
    return None


def p_alive(of: Parameters, data: Histories) -> Floats:
    """The chance that whoever has this history is a customer still, 0 to 1."""
    shape, age = of.r + data.x, np.log(of.alpha + data.T) - np.log(of.alpha + data.t_x)
    chances = of.b + data.x if of.kind == "MBG/NBD" else of.b + np.maximum(data.x, 1) - 1
    odds_against = np.exp(np.minimum(math.log(of.a) - np.log(chances) + shape * age, 700.0))
    alive = 1 / (1 + odds_against)
    return alive if of.kind == "MBG/NBD" else np.where(data.x > 0, alive, 1.0)


def expected_orders(of: Parameters, data: Histories, period: float) -> Floats:
    """Orders that whoever has this history will make in a period from now, on average.

    By definition: over all chances to leave, weighted by how likely they are after this history, of the orders that a customer
    with that chance makes before leaving. The papers' closed form is the same, and overflows or cancels for some parameters.
    """
    expected, distance = np.zeros_like(data.x), period / (of.alpha + data.T)
    distinct, place = np.unique(data.x, return_inverse=True)
    chances, weights = _leaving(of, distinct)
    for number, x in enumerate(distinct.tolist()):
        rows, p = place == number, chances[number]
        to_come = -np.expm1(-(of.r + x) * np.log1p(distance[rows, None] * p)) / p
        expected[rows] = (to_come * weights[number]).sum(axis=1)
    return expected * p_alive(of, data)


def _leaving(of: Parameters, x: Floats) -> tuple[Floats, Floats]:
    """Chances to leave after an order and their weights, for customers with these x: a row of `NODES` for each.

    The nodes of Gauss-Jacobi quadrature for the beta distribution, from its recurrence (Golub, Welsch 1969, "Calculation of
    Gauss Quadrature Rules").
    """
    n = np.arange(1.0, NODES)
    low, high = of.a - 1, (of.b + x + (1 if of.kind == "MBG/NBD" else 0) - 1)[:, None]
    total = low + high
    middle = (low - high) * total / ((2 * n + total) * (2 * n + total + 2))
    first = (low - high) / (total + 2)
    beside = 4 * n * (n + low) * (n + high) * (n + total) / (2 * n + total) ** 2
    beside[:, 1:] /= (2 * n[1:] + total) ** 2 - 1
    beside[:, :1] = (
        4 * (1 + low) * (1 + high) / ((2 + total) ** 2 * (3 + total))
    )  # the general form is 0 / 0 at total = -1
    matrices = np.zeros((len(x), NODES, NODES))
    diagonal = np.arange(NODES)
    matrices[:, diagonal, diagonal] = np.concatenate([first, middle], axis=1)
    matrices[:, diagonal[1:], diagonal[:-1]] = np.sqrt(beside)
    nodes, vectors = np.linalg.eigh(matrices)
    return np.clip((1 + nodes) / 2, 1e-300, 1.0), vectors[:, 0, :] ** 2


def _log_gamma(values: Floats) -> Floats:
    """Of few values: those of x that differ."""
    return np.array([math.lgamma(value) for value in values.tolist()])


def _digamma(values: Floats | float) -> Floats:
    """The derivative of the gamma function's logarithm (Abramowitz, Stegun, 6.3.5 and 6.3.18), for values above zero."""
    shifted, less = np.array(values, dtype=np.float64), np.zeros(np.shape(values))
    for _ in range(8):
        less += np.where(shifted < 8, 1 / shifted, 0.0)
        shifted = np.where(shifted < 8, shifted + 1, shifted)
    inverse = 1 / shifted**2
    series = inverse * (1 / 12 - inverse * (1 / 120 - inverse * (1 / 252 - inverse * (1 / 240 - inverse / 132))))
    result: Floats = np.log(shifted) - 0.5 / shifted - series - less
    return result
