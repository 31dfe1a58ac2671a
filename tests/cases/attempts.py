"""Functions that try: what their handlers catch is known, or does not happen."""

import logging
import math
from dataclasses import dataclass
from math import sqrt

import numpy as np

from tests.cases import case

_BY_ORDER = {1: 0.5, 2: 0.25}


class Store:
    """Keeps what it has computed in fields that are missing at first."""

    def __init__(self, k):
        self.k = k

    @property
    def doubled(self):
        try:
            return self._doubled
        except AttributeError:
            pass
        self._doubled = 2.0 * self.k
        return self._doubled

    def slope(self, x):
        try:
            return self._slope * x
        except:  # noqa: E722
            self._slope = self.doubled**2
        return self._slope * x


@dataclass
class Plain:
    """Has one field, and no length."""

    a: float


def _first(x):
    try:
        return x[0]
    except (TypeError, IndexError):
        return x


def _rooted(x):
    if x < 0.0:
        raise ValueError(f"negative: {x}")
    return sqrt(x)


@case(lambda rng: (1.3, 0.7))
def what_a_handler_surely_catches(x, y):
    """A length that is missing, a key, a field, a name, a module, a call."""
    try:
        n = len(x)
    except TypeError:
        n = 3
    try:
        w = _BY_ORDER[n]
    except KeyError as error:
        logging.debug(f"no such order: {error}", str(error))
        w = 0.125 if isinstance(error, LookupError) else x
    try:
        shape = x.shape
        s = 7.0 * shape[0]
    except AttributeError:
        s = x * y
    try:
        import not_there  # noqa: F401

        s = 0.0
    except ImportError:
        s = s * w
    try:
        z = x(y)
    except TypeError:
        z = x - y
    try:
        z += unknown_name  # noqa: F821
    except NameError:
        z *= 2.0
    return s * z + n * x


@case(lambda rng: (1.3, rng.standard_normal(3)))
def what_no_handler_catches(x, a):
    """The bodies run to their ends, the handlers are not read for what they bind."""
    try:
        n = len(a)
    except TypeError:
        n = "one"
    try:
        y = a.sum() / x
        z = math.log(x)
    except ZeroDivisionError:
        y = z = 0.0
    except (ValueError, OverflowError):
        y, z = 0.0, math.inf
    else:
        y = y * n
    finally:
        b = a * a
    return y + z * b[1] + _first(a) * _first(x)


@case(lambda rng: (1.3, Store(0.4)))
def fields_made_when_asked_for(x, store):
    return store.slope(x) + store.slope(x * x) * store.doubled


@case(lambda rng: (np.array([0.5, 1.5, 2.5]),))
def tries_in_a_loop(x):
    """One goes on with the next turn, one leaves, one is never caught."""
    s = t = 0.0
    for k in range(3):
        try:
            s += 1.0 / (x[k] - 1.0)
        except ZeroDivisionError:
            continue
        try:
            t += _rooted(float(x[k]))
            if t > 1.5:
                break
        except ValueError:
            t -= x[k]
    return s * t


@case(lambda rng: (2.0, 0.5))
def a_body_stops_where_it_raises(x, y):
    """What was done before is kept, what follows is not."""
    made = []
    s = 0.0
    try:
        s = x * y
        made.append(s)
        s = s + Plain(x).b
        made.append(100.0)
    except AttributeError:
        made.append(s * s)
    try:
        try:
            s += len(made) * [x, y][2]
        except KeyError:
            s = 50.0
        s = 60.0
    except IndexError:
        s += y**3
    return s + sum(made) * len(made)


@case(lambda rng: (0.8, rng.standard_normal((2, 2))))
def tried_for_what_it_raises(x, a):
    """Nobody uses what is tried; that it raises nothing is all there is to know."""
    spd = a @ a.T + 0.1 * np.eye(2)
    try:
        np.linalg.cholesky(spd)
        definite = 1.0
    except np.linalg.LinAlgError:
        definite = 0.0
    try:
        1.0 / x
        a[1, 1]
        known = 2.0
    except (ZeroDivisionError, IndexError):
        known = 0.0
    return definite * (spd * x).sum() + known * x


class Missing(LookupError):
    """An exception of our own."""


def _raised_again(x, k):
    try:
        return x.field
    except AttributeError as error:
        try:
            x = {}[k]
        except KeyError:
            k += 0
        if k == 0:
            raise
        raise Missing("no field") from error
    except ValueError:
        return 3.0


@case(lambda rng: (0.8,))
def exceptions_that_are_passed_on(x):
    """A bare `raise`, and one exception from another, go to the next handlers."""
    s = 0.0
    for k in (0, 1):
        try:
            s += _raised_again(x, k)
        except TypeError:
            s += 100.0
        except AttributeError:
            s += 2.0 * x
        except Missing:
            s += x * x
    total = None
    for k in range(3):
        try:
            total = total + x
        except TypeError:
            total = s * k
    return total


@case(lambda rng: (0.8, [1.2, 0.4], "sqrt"))
def handlers_by_kind(x, pair, name):
    """The first handler that fits is the one; a bare one takes the rest."""
    s = 0.0
    for function in (getattr(math, name), None, "text"):
        try:
            s += function(x)
        except AttributeError:
            s += 100.0
        except TypeError:
            s += x * x
        except:  # noqa: E722
            s += 1000.0
    try:
        a, b, c = pair
    except ValueError:
        a, b = pair
        c = a * b
    try:
        if len(pair) == 2:
            raise LookupError
        s = 0.0
    except LookupError:
        s += c
    return s * a + b


# `finally` runs before each jump, what is returned is computed before it.
@case(lambda rng: (rng.normal(size=8),))
def left_through_finally(x):
    log, total, weight = [], 1.0, [1.0]

    def part(t):
        out = [t]
        try:
            if t > 0.3:
                return weight[0] * t * t, out
            try:
                if t > 0:
                    return t**3, out
            finally:
                weight[0] *= 1.5
            t = t + 1
        finally:
            weight[0] += t
            out.append(t * 2)
        return t, out

    for k, t in enumerate(x):
        try:
            if t < -0.9:
                continue
            for u in x:
                if u > t:
                    total += 0.1 * u
                    break
            value, out = part(t)
            total += value * out[1] * len(out)
            if k > 5:
                break
        finally:
            log.append(total)
            total *= 0.9
    return sum(log) * total + weight[0]


@case(lambda rng: (rng.normal(size=6),))
def finally_that_returns(x):
    def part(t):
        try:
            if t > 0:
                return t
            t = t * 3
        finally:
            if t < 0.5:
                return t * t
        return 2 * t

    return sum([part(t) for t in x])
