"""Student's t with fractional degrees of freedom, and the tail of F.

scipy.special is imported inside, once something has been measured or fitted: it takes 0.1 s that
`--help`, `list` and `validate` need not spend.
"""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=1024)
def quantile(probability: float, degrees: float) -> float:
    """Return the t that T stays below with `probability`."""
    from scipy.special import stdtrit  # noqa: PLC0415

    return float(stdtrit(degrees, probability))


@lru_cache(maxsize=1024)
def least_spread(degrees: float, confidence: float) -> float:
    """Return what a deviation is at least, as a share of what it was estimated to be.

    With this confidence, for normal observations: the chi-squared bound.
    """
    from scipy.special import chdtri  # noqa: PLC0415

    return float((degrees / chdtri(degrees, 1 - confidence)) ** 0.5)


def upper_tail(t: float, degrees: float) -> float:
    """Return P(T > t)."""
    from scipy.special import stdtr  # noqa: PLC0415

    return float(stdtr(degrees, -t))


def upper_tail_of_f(ratio: float, degrees: float, residual_degrees: float) -> float:
    """Return P(F > ratio), F being a mean square over a residual one."""
    from scipy.special import fdtrc  # noqa: PLC0415

    return float(fdtrc(degrees, residual_degrees, ratio))
