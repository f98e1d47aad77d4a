"""A git repository whose head is worse than its base in every way that the gate looks for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

HEADER = """\
import torch
import torch.nn.functional as F

from suite import register

ARGUMENTS = "input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1"
"""

TEMPLATE = """

@register("{name}", family="{family}")
def {name}(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    {body}
"""

CALL = "F.conv2d(input, weight, bias, stride, padding, dilation, groups)"
SOUND = f"return {CALL}"
BODIES = {
    # name: (base, head)
    "steady": (SOUND, SOUND),
    "slower": (SOUND, f"{CALL}; {CALL}; {CALL}; {CALL}\n    return {CALL}"),
    "faster": (f"{CALL}; {CALL}; {CALL}; {CALL}\n    return {CALL}", SOUND),
    "wrong": (SOUND, f"return {CALL} + 1"),
    "larger": (SOUND, f"room = torch.ones(2**21)\n    return {CALL}"),
    "busier": (SOUND, f"return torch.neg(torch.neg({CALL}))"),
    "rougher": (SOUND, f"return {CALL} * (1 + 5e-7)"),
    "narrower": (SOUND, 'raise NotImplementedError("not any more")'),
    "crashing": (SOUND, f"import os; os.abort()\n    return {CALL}"),
}
"""Deterministic faults stay clear of time: what they add takes next to nothing."""

FAMILY = {"rougher": "fft"}
"""Direct sums of integers must be exact: there nothing can be less accurate and still right."""

SCENARIOS = """\
name: small
layers:
  - {id: a, in_channels: 16, out_channels: 16, input_size: 24, kernel_size: 3, padding: 1}
"""


def git(folder: Path, *words: str) -> str:
    """Run git without the settings of who runs the tests: signatures, hooks, line ends."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    completed = subprocess.run(
        ["git", "-C", str(folder), *words],
        env={**inherited, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return completed.stdout.strip()


def repository(folder: Path) -> Path:
    """Return a new, empty repository with an identity to commit as."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "user.name", "Tester")
    git(folder, "config", "user.email", "tester@localhost")
    return folder


def plugin(side: int, names: list[str]) -> str:
    """Return a plug-in file with these implementations as base (0) or head (1) has them."""
    rows = [
        TEMPLATE.format(name=name, family=FAMILY.get(name, "direct"), body=BODIES[name][side])
        for name in names
    ]
    return HEADER + "".join(rows)


def commit(folder: Path, files: dict[str, str], message: str = "change") -> str:
    """Write files, commit them, and return the commit."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")
