"""Whether a network is faster: whole passes against the unchanged one, in fresh processes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from suite.messages.network import Asked, Timings
from suite.network.bench import WARM_PASSES, Arm, Configuration
from suite.network.benches import Benches
from suite.network.deciding import whole_gain
from suite.stats.intervals import Interval, block_time_s

LEAST_BLOCKS = 4
MOST_BLOCKS = 16
TARGET_HALF_WIDTH = 0.01
"""Blocks are repeated until the speed-up is known to ±1 %, it is surely none, or time is up."""
BLOCK_S = 1.0
LEAST_TURNS, MOST_TURNS = 2, 15

Pairs = list[tuple[float, float]]
"""(before, after) of each block, in seconds."""
Watch = Callable[[str], None]


@dataclass
class Blocks:
    """What blocks told of one variant of the network."""

    whole: Pairs = field(default_factory=list)
    """Against the unchanged network."""
    layers: dict[str, Pairs] = field(default_factory=dict)
    """Of each replaced layer, against torch in the network's own memory format."""
    layers_in_format: dict[str, Pairs] = field(default_factory=dict)
    """The same against torch in the variant's own memory format."""

    @property
    def gain(self) -> Interval:
        return whole_gain(self.whole)


Variants = Mapping[str | None, Configuration]
"""Memory format (None: the network's own) → what is replaced there."""


def prove(
    benches: Benches,
    variants: Variants,
    until: float,
    watch: Watch,
    least_blocks: int = LEAST_BLOCKS,
    most_blocks: int = MOST_BLOCKS,
    *,
    is_folded: bool = False,
    begun: Mapping[str | None, Blocks] | None = None,
) -> dict[str | None, Blocks]:
    """Return blocks of each variant against the unchanged network.

    Args:
        until: of the monotonic clock. Beyond the least number no block begins that would, as long
            as the longest before it, end later.
        begun: blocks of these very variants, which are gone on with.
        is_folded: whether the variants are of a folded network, and the unchanged one is not.

    Raises:
        ArmFailed: a variant raised.
    """
    arms = [Arm(is_original=True), Arm()] if is_folded else [Arm()]
    torch_arms: dict[str | None, int] = {None: len(arms) - 1}
    arm_of: dict[str | None, int] = {}
    for memory_format, configuration in variants.items():
        if memory_format not in torch_arms:
            torch_arms[memory_format] = len(arms)
            arms.append(Arm({}, memory_format, is_for_layers=bool(configuration)))
        if configuration:
            arm_of[memory_format] = len(arms)
            arms.append(Arm(configuration, memory_format))
        else:
            arm_of[memory_format] = torch_arms[memory_format]
    blocks = {key: begun[key] if begun else Blocks() for key in variants}
    drawn, longest_s = random.Random(), 0.0
    for number in range(min(len(each.whole) for each in blocks.values()), most_blocks):
        is_enough = number >= least_blocks and all(map(_is_known, blocks.values()))
        block_began = time.monotonic()
        if is_enough or (number >= least_blocks and block_began + longest_s > until):
            break
        watch(f"the whole network before and after: block {number + 1}")
        asked = Asked(
            seconds=BLOCK_S,
            least_turns=LEAST_TURNS,
            most_turns=MOST_TURNS,
            seed=drawn.randrange(2**31),
            whole=True,
            layers=(),
        )
        with benches.open() as bench:
            timings = bench.time(arms, asked)
        for memory_format, own in blocks.items():
            _add(
                own,
                timings,
                arm_of[memory_format],
                (torch_arms[None], torch_arms[memory_format]),
                variants[memory_format],
            )
        longest_s = max(longest_s, time.monotonic() - block_began)
    return blocks


def reckoned_s(formats: int, pass_s: float, *, is_folded: bool = False) -> float:
    """Return about how many seconds a block takes.

    Args:
        formats: memory formats whose variants it has, the network's own among them.
        pass_s: of a pass through the network.
    """
    arms = 2 * formats + is_folded
    return max(BLOCK_S, arms * (WARM_PASSES + 2 * LEAST_TURNS) * pass_s)


def _is_known(blocks: Blocks) -> bool:
    gain = blocks.gain
    if gain.half_width is None or gain.high is None:
        return False
    return gain.half_width <= TARGET_HALF_WIDTH or gain.high < 1


def _add(
    blocks: Blocks,
    timings: Timings,
    arm: int,
    torch_arms: tuple[int, int],
    configuration: Configuration,
) -> None:
    """Add one block.

    Args:
        torch_arms: of torch in the network's own memory format, and in this one.
    """
    own_arm, torch_arm = torch_arms
    before, after = timings.whole_s[0], timings.whole_s[arm]
    blocks.whole.append((block_time_s(before), block_time_s(after)))
    for path in configuration:
        after_s = block_time_s(timings.layers_s[arm][path])
        for pairs, number in ((blocks.layers, own_arm), (blocks.layers_in_format, torch_arm)):
            before_s = block_time_s(timings.layers_s[number][path])
            if before_s > 0 and after_s > 0:
                pairs.setdefault(path, []).append((before_s, after_s))
