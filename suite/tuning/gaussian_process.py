"""Gaussian-process regression: a prediction that knows how uncertain it is.

What is predicted is the logarithm of a speed-up over torch at a point of `features`, as the sum of
two terms: what a row gains on problems of the kind at large, which changes slowly, and what these
sizes add to it. Near measured problems the prediction follows them, farther off their average, and
far from all of them it returns to no gain at all, with an uncertainty to match. That makes a
choice safe where nothing alike was measured.

Source: C. Rasmussen, C. Williams, "Gaussian Processes for Machine Learning" (2006): algorithm 2.1
for the prediction, section 5.4.2 for leaving one out without fitting anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]

LENGTHS = (1.0, 1.5, 2.25, 3.5, 5.0)
"""Octaves over which speed-ups resemble each other: tried when fitting."""
NUGGETS = (0.02, 0.05, 0.1, 0.2)
"""Standard deviations of what the features do not explain: tried when fitting."""
SLOW_LENGTH = 12.0
SLOW_SPREAD = 0.5
"""Octaves and deviation of the slow term: half a logarithm is a factor of 1.65."""
LARGE = math.log(1.5)
LEAST_SPREAD = 0.1
"""Speed-ups that happen to agree so far do not prove that they always will."""
LEAST_POINTS = 3


@dataclass(frozen=True)
class Observation:
    """One measured speed-up: where, how much, how well it is known."""

    point: tuple[float, ...]
    log_speedup: float
    error: float
    """Standard error of `log_speedup`."""


@dataclass(frozen=True)
class Shape:
    """What fitting finds out: how far and how exactly speed-ups resemble each other."""

    length: float
    nugget: float


def squeezed(log_speedup: float) -> float:
    """Return a log speed-up with what lies beyond 1.5 times torch at a third of its size.

    That a row is now three and now six times as fast must not make it doubtful that it is faster.
    The order of rows stays what it is.
    """
    return min(log_speedup, LARGE) + max(0.0, log_speedup - LARGE) / 3


class Regression:
    """Squeezed speed-ups of one implementation over problems of one kind.

    Raises:
        ValueError: fewer than `LEAST_POINTS` observations.
    """

    def __init__(self, observations: Sequence[Observation], shape: Shape | None = None) -> None:
        if len(observations) < LEAST_POINTS:
            raise ValueError(f"{len(observations)} observations, {LEAST_POINTS} needed")
        self._points = np.array([observation.point for observation in observations])
        values = np.array([squeezed(observation.log_speedup) for observation in observations])
        self._errors = np.array([observation.error for observation in observations])
        # Gains are what has to be proven, losses are believed at once.
        self._mean = min(0.0, float(np.median(values)))
        self._residuals = values - self._mean
        self._spread = max(LEAST_SPREAD, float(np.std(values)))
        self.shape = shape or self._best_shape()
        self._inverse = self._inverse_covariance(self.shape)
        self._weights = self._inverse @ self._residuals

    def _covariance(self, a: Array, b: Array, length: float) -> Array:
        apart = np.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2))
        quick = self._spread**2 * _matern(apart / length)
        return np.asarray(quick + SLOW_SPREAD**2 * _matern(apart / SLOW_LENGTH))

    def _inverse_covariance(self, shape: Shape) -> Array:
        covariance = self._covariance(self._points, self._points, shape.length)
        noise = self._errors**2 + shape.nugget**2
        return np.asarray(np.linalg.inv(covariance + np.diag(noise)))

    def _left_out(self, shape: Shape) -> tuple[Array, Array]:
        inverse = self._inverse_covariance(shape)
        diagonal = np.diag(inverse)
        return self._residuals - inverse @ self._residuals / diagonal, 1 / diagonal

    def _best_shape(self) -> Shape:
        """Return the shape whose predictions for left-out points are the most likely."""

        def surprise(shape: Shape) -> float:
            predicted, variance = self._left_out(shape)
            misses = self._residuals - predicted
            return float((np.log(variance) + misses**2 / variance).sum())

        shapes = [Shape(length, nugget) for length in LENGTHS for nugget in NUGGETS]
        return min(shapes, key=surprise)

    def predict(self, point: Sequence[float]) -> tuple[float, float]:
        """Return mean and standard deviation of the squeezed log speed-up at a point."""
        at = np.array([point])
        covariance = self._covariance(at, self._points, self.shape.length)[0]
        mean = self._mean + float(covariance @ self._weights)
        explained = float(covariance @ self._inverse @ covariance)
        variance = self._spread**2 + SLOW_SPREAD**2 + self.shape.nugget**2 - explained
        return mean, math.sqrt(max(variance, self.shape.nugget**2))

    def predict_left_out(self) -> list[tuple[float, float]]:
        """Return what would be predicted for each observation if it had not been made."""
        predicted, variance = self._left_out(self.shape)
        return [
            (self._mean + float(mean), math.sqrt(float(v)))
            for mean, v in zip(predicted, variance, strict=True)
        ]


def _matern(scaled: Array) -> Array:
    """Return the Matérn 3/2 kernel: rough, as speed-ups are, where a block no longer fits."""
    scaled = math.sqrt(3) * scaled
    return np.asarray((1 + scaled) * np.exp(-scaled))
