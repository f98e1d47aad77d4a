"""What runs under Callgrind: one call counted, then one more than the wanted number."""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    import torch  # noqa: PLC0415 - half a minute under Valgrind

    from suite.conditions import Scenario  # noqa: PLC0415
    from suite.profiling.child.subject import Subject  # noqa: PLC0415
    from suite.records import from_plain  # noqa: PLC0415
    from suite.registry import registering, sources  # noqa: PLC0415

    location, tree, name, scenario, calls = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    sources.load(sources.Source(location, tree))
    subject = Subject(registering.get(name), from_plain(Scenario, scenario))
    operand = subject.next_operand()
    for number in (1, 1 + calls):
        torch._C._valgrind_toggle()
        for _ in range(number):
            subject.invocation.call(operand)
        torch._C._valgrind_toggle_and_dump_stats()
    sys.stdout.flush()
    os._exit(0)  # ending Python under Valgrind takes seconds
