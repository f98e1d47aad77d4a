"""Variances that are estimates themselves, and what several of them make together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """A variance, and the degrees of freedom of its estimate."""

    variance: float
    degrees: float


def total(*parts: Component) -> Component:
    """Return the variance of a sum of independent estimates, and the degrees of freedom of that.

    The degrees are Satterthwaite's (Biometrics Bulletin 2, 1946); of two means' variances they
    are Welch's (Biometrika 34, 1947). They lie between the least of the parts' and their sum;
    where nothing varies, they are the least.
    """
    variance = sum(part.variance for part in parts)
    spread = sum(part.variance**2 / part.degrees for part in parts)
    degrees = variance**2 / spread if spread else min(part.degrees for part in parts)
    return Component(variance=variance, degrees=degrees)
