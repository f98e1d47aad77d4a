"""One call of `optimise`: what was asked for, and what goes with it from step to step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from suite.network.asking import Wish
from suite.network.budgeting import TimeBudget
from suite.network.survey import Survey
from suite.network.twin import Inputs

Watch = Callable[[str], None]


class LeftAlone(Exception):
    """Nothing of the network is to be changed; the text says why."""

    def __init__(self, reason: str, survey: Survey | None = None) -> None:
        super().__init__(reason)
        self.survey = survey
        """What there is in it, where that was looked at."""


@dataclass(frozen=True)
class Task:
    """A network to make faster, how far that may go, and what was remarked on the way."""

    model: nn.Module
    """The caller's own, which no step but the last changes."""
    inputs: Inputs
    """Copies of the caller's."""
    wish: Wish
    time: TimeBudget
    watch: Watch
    """Told what is being done."""
    remarks: list[str] = field(default_factory=list)
    threads: int = field(default_factory=torch.get_num_threads)
