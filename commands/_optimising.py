"""`convgauge.optimize` from Python: what it is asked, what it shows while it goes, what it says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console

from reports.optimised_text import Explanation, summary_lines
from reports.progress import Bar
from reports.terminal import PlainConsole
from suite.network import committing
from suite.network.asking import Wish, checked_wish
from suite.network.optimising import optimise, optimised_copy

if TYPE_CHECKING:
    from torch import nn


def optimize(
    model: nn.Module,
    inputs: tuple[Any, ...],
    *,
    budget_s: float,
    memory_format: Any,
    tolerance: float | None,
    fold: bool,
    measure_again: bool,
    verbose: bool | None,
) -> nn.Module:
    """See `convgauge.optimize`."""
    wish = checked_wish(model, budget_s, memory_format, tolerance, fold, measure_again)
    console = PlainConsole(stderr=True)
    is_told = console.is_terminal if verbose is None else verbose

    def say(text: str) -> None:
        console.print(text, style="yellow", soft_wrap=True)

    if not is_told:
        # Whom we wait for is said all the same: that may be long.
        return _optimised(model, inputs, wish, say=say if verbose is None else lambda _: None)
    with _progress(console, wish.budget_s) as bar:
        model = _optimised(
            model, inputs, wish, watch=lambda words: bar.advance(0.0, words), say=say
        )
    for line in summary_lines(committing.outcome_of(model), console.width):
        console.print(line)
    return model


def _optimised(
    model: nn.Module, inputs: tuple[Any, ...], wish: Wish, **told: Callable[[str], None]
) -> nn.Module:
    if wish.fold:
        return optimised_copy(model, inputs, wish, **told)
    optimise(model, inputs, wish, **told)
    return model


@contextlib.contextmanager
def _progress(console: Console, budget_s: float) -> Iterator[Bar]:
    """Show what is done and about how long it takes; it moves between steps, never while timing."""
    most_s = {"most_s": budget_s} if budget_s else {}
    with Bar(console, "optimising", 1.0, by_itself=False, **most_s) as bar:
        yield bar


def explain(model: nn.Module) -> Explanation:
    """See `convgauge.explain`."""
    return Explanation(committing.outcome_of(model))
