"""What `convgauge.optimize` gains on whole networks of timm, untrained, batch 1, 224×224.

    python -m tests.studies.networks [--threads 2] [--budget 60] [--fold] [--compiled] [NAME ...]

Needs timm. One line a network: a pass before and after with the interval of their ratio, the
relative L2 error of the outputs against float64 next to torch's own, packed weights over the
weights that they stand for, and how long it took. With --fold of a folded copy. With --compiled a
second line: passes of the network, of what was made of it, and of torch.compile with freezing, in
turns in this process.
"""

from __future__ import annotations

import argparse
import random
import time

import convgauge
from reports import units
from suite.stats.intervals import block_time_s

NAMES = (
    "resnet18",
    "resnet50",
    "mobilenetv3_large_100",
    "efficientnet_b0",
    "densenet121",
    "vgg16",
)
SIZE = 224
WARM_TURNS, TURNS = 3, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--budget", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--memory-format", choices=("contiguous", "channels_last"))
    parser.add_argument("--fold", action="store_true", help="optimise a folded copy")
    parser.add_argument("--compiled", action="store_true", help="compare with torch.compile, too")
    parser.add_argument("--explain", action="store_true", help="print every layer")
    options = parser.parse_args()

    import timm
    import torch

    torch.set_num_threads(options.threads)
    for name in options.names:
        torch.manual_seed(0)
        model = timm.create_model(name).eval()
        example = torch.randn(1, 3, SIZE, SIZE)
        began = time.monotonic()
        plain = timm.create_model(name).eval()
        plain.load_state_dict(model.state_dict())
        model = convgauge.optimize(
            model,
            example,
            budget_s=options.budget,
            memory_format=options.memory_format,
            fold=options.fold,
        )
        explanation = convgauge.explain(model)
        print(
            f"{name:22} {line(explanation.outcome)}, {time.monotonic() - began:.0f} s", flush=True
        )
        if options.explain:
            print(explanation, flush=True)
        if options.compiled:
            arms = {"eager": plain, "optimised": model, "compiled": frozen(plain)}
            print(f"{'':22} {in_turns(arms, example)}", flush=True)


def frozen(model):
    """Return a network as torch.compile makes it with its weights as constants."""
    import torch
    import torch._inductor.config as inductor

    inductor.freezing = True
    return torch.compile(model)


def in_turns(arms, example) -> str:
    """Return what a pass of each takes, in random order turn by turn, and over the first one's."""
    import torch

    seconds = {name: [] for name in arms}
    with torch.no_grad():
        for turn in range(-WARM_TURNS, TURNS):
            for name in random.sample(list(arms), len(arms)):
                arms[name](example)  # finds its own caches
                began = time.perf_counter()
                arms[name](example)
                if turn >= 0:
                    seconds[name].append(time.perf_counter() - began)
    times = {name: block_time_s(samples) for name, samples in seconds.items()}
    first = next(iter(times.values()))
    return "in turns: " + ", ".join(
        f"{name} {units.seconds(s)} ({first / s:.2f}×)" for name, s in times.items()
    )


def line(outcome) -> str:
    """Return what a network gained, in one line."""
    whole = outcome.whole
    if whole is None:
        return outcome.verdict or "not timed"
    gain = (
        f"{units.seconds(whole.before_s)} → {units.seconds(whole.after_s)}, "
        f"{whole.speedup.value:.2f}× ({whole.speedup.low or 0:.2f} to "
        f"{whole.speedup.high or 0:.2f}, {whole.blocks} blocks)"
    )
    if not outcome.is_changed:
        return f"left as it was: {gain}"
    packs = outcome.pack_bytes / max(1, outcome.replaced_bytes)
    return (
        f"{gain}, {outcome.memory_format or 'own format'}, "
        f"{len(outcome.replaced)}/{len(outcome.layers)} layers, error "
        f"{units.error(outcome.error)} (torch {units.error(outcome.torch_error)}), packs "
        f"{units.bytes_(outcome.pack_bytes)} = {packs:.2f}×"
    )


if __name__ == "__main__":
    main()
