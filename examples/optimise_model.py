"""Make a model's convolutions faster on this machine, and see what was done to each.

In a copy of the repository:

    python examples/optimise_model.py --budget 60
"""

import argparse

import torch
from torch import nn

import convgauge


def build() -> nn.Module:
    """Return a small network with layers of several kinds: a large kernel, 3×3, 1×1, depthwise."""
    torch.manual_seed(0)
    layers = [
        *(nn.Conv2d(3, 32, 7, stride=2, padding=3), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(64, 64, 3, padding=1, groups=64), nn.Conv2d(64, 128, 1), nn.ReLU()),
        *(nn.Conv2d(128, 128, 3, padding=1), nn.ReLU()),
    ]
    return nn.Sequential(*layers).eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--budget", type=float, default=60, help="seconds to measure for")
    model, example = build(), torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        before = model(example)
        convgauge.optimize(model, example, budget_s=parser.parse_args().budget)
        print(convgauge.explain(model))
        after = model(example)
    print(f"largest change of an output: {(after - before).abs().max():.2g}")
    convgauge.restore(model)  # the model is as it was


if __name__ == "__main__":
    main()
