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
GRADIENT_ENOUGH = 1e-7
"""The likelihood of one customer hardly changes any more with any parameter's logarithm."""
SMALLEST, LARGEST = math.log(1e-4), math.log(1e5)
"""Of any parameter's logarithm; customers who are all alike would send parameters towards infinity."""
TERMS_MAX = 10_000
TERM_ENOUGH = 1e-13


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
        value = -float(self._weight @ (common[self._place] + either))
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
        return -np.array([r * (weight @ by_r), alpha * (weight @ by_alpha), a * (weight @ by_a), b * (weight @ by_b)])


def _minimum(objective: _Objective, start: Floats) -> tuple[Floats, float, bool]:
    """BFGS with a line search that halves (Nocedal, Wright, "Numerical Optimization", 6.1); the place stays in its bounds."""
    place, inverse = start, np.eye(len(start))
    value, gradient = objective(place)
    for _ in range(STEPS_MAX):
        if float(np.abs(_free(place, gradient)).max()) < GRADIENT_ENOUGH:
            return place, value, True
        direction = -inverse @ gradient
        if direction @ gradient >= 0:
            inverse, direction = np.eye(len(start)), -gradient
        found = _line_search(objective, place, value, gradient, direction)
        if found is None:
            return place, value, float(np.abs(_free(place, gradient)).max()) < math.sqrt(GRADIENT_ENOUGH)
        next_place, next_value, next_gradient = found
        step, change = next_place - place, next_gradient - gradient
        curvature = float(step @ change)
        if curvature > 1e-14:
            one, scaled = np.eye(len(start)), np.outer(step, change) / curvature
            inverse = (one - scaled) @ inverse @ (one - scaled.T) + np.outer(step, step) / curvature
        place, value, gradient = next_place, next_value, next_gradient
    return place, value, False


def _line_search(
    objective: _Objective, place: Floats, value: float, gradient: Floats, direction: Floats
) -> tuple[Floats, float, Floats] | None:
    """A step along a direction that is worth it; None when none is."""
    length = min(1.0, 2.0 / float(np.abs(direction).max()))
    for _ in range(40):
        candidate = np.clip(place + length * direction, SMALLEST, LARGEST)
        found, slope = objective(candidate)
        if found < value + 1e-4 * float(gradient @ (candidate - place)):
            return candidate, found, slope
        length /= 2
    return None


def _free(place: Floats, gradient: Floats) -> Floats:
    """The gradient without what leads out of the bounds."""
    is_held = ((place <= SMALLEST) & (gradient > 0)) | ((place >= LARGEST) & (gradient < 0))
    return np.where(is_held, 0.0, gradient)


def p_alive(of: Parameters, data: Histories) -> Floats:
    """The chance that whoever has this history is a customer still, 0 to 1."""
    shape, age = of.r + data.x, np.log(of.alpha + data.T) - np.log(of.alpha + data.t_x)
    chances = of.b + data.x if of.kind == "MBG/NBD" else of.b + np.maximum(data.x, 1) - 1
    odds_against = np.exp(np.minimum(math.log(of.a) - np.log(chances) + shape * age, 700.0))
    alive = 1 / (1 + odds_against)
    return alive if of.kind == "MBG/NBD" else np.where(data.x > 0, alive, 1.0)


def expected_orders(of: Parameters, data: Histories, period: float) -> Floats:
    """Orders that whoever has this history will make in a period from now, on average.

    The papers' formula after Euler's transformation of its hypergeometric function, whose series then converges quickly.
    """
    a = of.a if abs(of.a - 1) > 1e-6 else 1 + 1e-6  # the formula's limit there is smooth, its terms are not
    last = of.a + of.b + data.x if of.kind == "MBG/NBD" else of.a + of.b + data.x - 1
    z = period / (of.alpha + data.T + period)
    first = last - (of.r + data.x)
    summed = _hypergeometric(first, a - 1, last, z)
    if_alive = last / (a - 1) * (1 - (1 - z) ** (a - 1) * summed)
    return np.maximum(if_alive, 0.0) * p_alive(of, data)


def _hypergeometric(first: Floats, second: float, last: Floats, z: Floats) -> Floats:
    """Gauss's 2F1(first, second; last; z) by its series, for 0 <= z < 1."""
    term, total = np.ones_like(z), np.ones_like(z)
    for n in range(TERMS_MAX):
        term = term * ((first + n) * (second + n) / ((last + n) * (n + 1)) * z)
        total += term
        if float(np.abs(term).max(initial=0.0)) < TERM_ENOUGH:
            break
    return total


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
