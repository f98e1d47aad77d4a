"""What the pages of the lessons share: the example, and the recorded tables."""

from __future__ import annotations

import numpy as np
from convgauge.reports import lesson_table
from convgauge.suite.lessons.course import lesson_named
from convgauge.suite.lessons.table import read_recorded
from IPython.display import Markdown

X = np.array([[1, 2, 0, 1], [0, 1, 3, 1], [2, 0, 1, 0], [1, 1, 0, 2]])
"""The picture that goes through all lessons."""
W = np.array([[1, 0, 2], [0, 1, 0], [-1, 0, 1]])
"""Its kernel; Y is what they give."""
Y = np.array([[1, 7], [5, 5]])


def table(name: str) -> Markdown:
    """Return a lesson's recorded table."""
    recorded = read_recorded(name)
    assert recorded is not None, f"record it: convgauge lesson {name} --save docs/learn/recorded/…"
    return Markdown(lesson_table.markdown(lesson_named(name), recorded))
