"""`doctor`: the machine, and what would steady its measurements."""

from __future__ import annotations

import argparse
from pathlib import Path

from commands._setup import scratch_folder
from commands.arguments import Parser
from reports import terminal
from suite import machine, plan
from suite.errors import EXIT_GOOD


def add_arguments(parser: Parser) -> None:
    """It takes none."""


def main(_options: argparse.Namespace) -> int:
    with scratch_folder() as scratch:
        facts = plan.torch_facts(Path(scratch) / "log")
    now = machine.load()
    found = {**machine.facts(), **facts, "threads": machine.usable_cores()}
    noise = machine.spread(machine.noise_samples(1.0))
    terminal.print_doctor(terminal.console(), found, now, noise)
    return EXIT_GOOD
