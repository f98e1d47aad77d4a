"""How long a run still takes: estimates, corrected by how the ones before came true."""

from __future__ import annotations

TRUST = 0.15
"""Of the first estimate, taken to come true as it said: the correction is by what comes after."""
MOST = 4.0
"""By so much an estimate is corrected at most, either way."""


class TimeLeft:
    """Corrects estimates of one run.

    Each cell's blocks are estimated by its spread so far, which says little while they are few: on
    a noisy machine all of them take longer than was thought, and an hour's run shows that in its
    first minutes.
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        """When it was told, by any clock, and how many seconds were left."""

    def corrected(self, estimated_s: float, now_s: float) -> float:
        """Return the seconds that are left, by an estimate of this moment."""
        if self._first is None:
            self._first = now_s, estimated_s
        began_s, first_s = self._first
        trusted_s = TRUST * first_s
        came_off_s = max(0.0, first_s - estimated_s)
        if not trusted_s:
            return estimated_s
        pace = (now_s - began_s + trusted_s) / (came_off_s + trusted_s)
        return estimated_s * min(MOST, max(1 / MOST, pace))
