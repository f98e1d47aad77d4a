"""What `convgauge.optimize` gains on whole networks of timm, untrained, batch 1, 224×224.

    python -m tests.studies.networks [--threads 2] [--budget 60] [NAME ...]

Needs timm. One line a network: a pass before and after with the interval of their ratio, the
relative L2 error of the outputs against float64 next to torch's own, packed weights over the
weights that they stand for, and how long it took.
"""

from __future__ import annotations

import argparse
import time

import convgauge
from reports import units

NAMES = (
    "resnet18",
    "resnet50",
    "mobilenetv3_large_100",
    "efficientnet_b0",
    "densenet121",
    "vgg16",
)
SIZE = 224


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--budget", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--memory-format", choices=("contiguous", "channels_last"))
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
        convgauge.optimize(
            model, example, budget_s=options.budget, memory_format=options.memory_format
        )
        explanation = convgauge.explain(model)
        print(
            f"{name:22} {line(explanation.outcome)}, {time.monotonic() - began:.0f} s", flush=True
        )
        if options.explain:
            print(explanation, flush=True)


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
