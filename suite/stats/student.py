"""Student's t with fractional degrees of freedom.

scipy.special is imported inside: it takes 0.1 s that other commands need not spend.
"""

from __future__ import annotations


def upper_tail(t: float, degrees: float) -> float:
    """Return P(T > t)."""
    from scipy.special import stdtr  # noqa: PLC0415

    return float(stdtr(degrees, -t))


def quantile(probability: float, degrees: float) -> float:
    """Return the t that T stays below with `probability`."""
    from scipy.special import stdtrit  # noqa: PLC0415

    return float(stdtrit(degrees, probability))


# Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom, so that neither the
# runner nor a report has to import scipy (2.5 s). tests/test_stats.py compares them with scipy.
_T975 = (
    12.7062,
    4.3027,
    3.1824,
    2.7764,
    2.5706,
    2.4469,
    2.3646,
    2.3060,
    2.2622,
    2.2281,
    2.2010,
    2.1788,
    2.1604,
    2.1448,
    2.1314,
    2.1199,
    2.1098,
    2.1009,
    2.0930,
    2.0860,
    2.0796,
    2.0739,
    2.0687,
    2.0639,
    2.0595,
    2.0555,
    2.0518,
    2.0484,
    2.0452,
    2.0423,
)


def t975(degrees: int) -> float:
    """Return the two-sided 95 % quantile of Student's t; the last entry beyond 30 (error 4 %)."""
    return _T975[min(degrees, len(_T975)) - 1]
