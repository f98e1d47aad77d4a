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
