"""How far a command has come: what is told of the time left, and where nothing is shown."""

from __future__ import annotations

import io
import random
import re
import time
from types import SimpleNamespace

import pytest

from reports import progress
from reports.progress import Bar, Pace, tracked, waiting
from reports.terminal import PlainConsole


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now.s))
    return now


def screen(*, is_terminal: bool = True) -> PlainConsole:
    return PlainConsole(file=io.StringIO(), width=80, force_terminal=is_terminal)


def shown(console: PlainConsole) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", console.file.getvalue())


@pytest.mark.parametrize("seed", range(5))
def test_the_time_left_holds_within_thirty_per_cent_from_a_third_on(clock, seed):
    """Steps as unlike each other as scenarios are, each up to a quarter off what it weighs."""
    draw = random.Random(seed)
    weights = [draw.choice([1.0, 2.0, 8.0]) for _ in range(60)]
    lengths_s = [0.5 * weight * draw.uniform(0.75, 1.25) for weight in weights]
    pace = Pace(sum(weights))
    for done, (weight, length_s) in enumerate(zip(weights, lengths_s, strict=True), start=1):
        clock.s += length_s
        pace.advance(weight)
        rest_s = sum(lengths_s[done:])
        if 1 / 3 <= pace.share < 0.9:
            assert pace.left_s() == pytest.approx(rest_s, rel=0.3)


def test_between_steps_the_time_left_goes_down_and_never_below_zero(clock):
    pace = Pace(2)
    clock.s += 10
    pace.advance(1)
    assert pace.left_s() == 10
    clock.s += 4
    assert pace.left_s() == 6
    clock.s += 40
    assert pace.left_s() == 0


def test_nothing_is_told_from_nothing_but_a_limit_is(clock):
    clock.s += 1
    assert Pace(10).left_s() is None
    limited = Pace(10, most_s=30)
    clock.s += 10
    assert limited.left_s() == 20
    limited.advance(5)
    assert limited.left_s() == 10


def test_what_need_not_be_done_counts_neither_as_done_nor_as_left(clock):
    pace = Pace(8)
    clock.s += 10
    pace.advance(2)
    pace.leave_out(4)
    assert pace.left_s() == 10


def test_a_terminal_shows_what_is_done_and_nothing_stays(monkeypatch):
    monkeypatch.setattr(progress, "SHOWN_AFTER_S", 0.0)
    console = screen()
    with Bar(console, "measuring", 4, by_itself=False) as bar:
        bar.advance()
        bar.advance(words="measuring\x1b[2J, 1 failed")

    text = shown(console)
    assert "measuring" in text
    assert r"measuring\x1b[2J, 1 failed" in text
    assert re.search(r"about 0:0\d left", text)
    assert "\x1b[2K" in console.file.getvalue()  # the line was cleared


def test_what_takes_less_than_two_seconds_shows_nothing():
    console = screen()
    assert list(tracked("abc", "reading", weights=[1, 2, 3], console=console)) == ["a", "b", "c"]
    with waiting("running", console):
        pass

    assert "reading" not in shown(console)
    assert "running" not in shown(console)


def test_what_is_piped_is_no_noise(monkeypatch):
    monkeypatch.setattr(progress, "SHOWN_AFTER_S", 0.0)
    console = screen(is_terminal=False)
    list(tracked(range(20), "reading", console=console))
    with waiting("running", console), Bar(console, "tuning", 3, by_itself=False) as bar:
        bar.advance(3)

    assert console.file.getvalue() == ""


def test_steps_of_unknown_length_show_the_time_that_passed(monkeypatch):
    monkeypatch.setattr(progress, "SHOWN_AFTER_S", 0.0)
    console = screen()
    with Bar(console, "running model.py:build", None, by_itself=False) as bar:
        bar.advance(0)

    assert re.search(r"running model.py:build +0:00", shown(console))


def test_an_interrupt_ends_the_bar_and_starts_it_no_more(monkeypatch):
    monkeypatch.setattr(progress, "SHOWN_AFTER_S", 0.05)
    console = screen()

    def interrupted() -> None:
        with Bar(console, "checking", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    time.sleep(0.15)

    assert "checking" not in shown(console)
