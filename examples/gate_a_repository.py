"""Gate a repository that is not ConvGauge's: a change that makes its convolution slower is refused.

    python examples/gate_a_repository.py

makes a repository with one plug-in in a temporary folder, commits it, makes the working tree
slower, and asks `convgauge gate` for a verdict. In your own repository the last step is all there
is to do.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

PLUGIN = """\
import torch.nn.functional as F

from convgauge import register


@register("ours", family="vendor")
def ours(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
"""
CALL = "F.conv2d(input, weight, bias, stride, padding, dilation, groups)"
SCENARIOS = """\
name: ours
layers:
  - {id: middle, in_channels: 32, out_channels: 32, input_size: 28, kernel_size: 3, padding: 1}
"""


def git(folder: Path, *words: str) -> None:
    """Run git as somebody, whatever this machine's own settings say."""
    who = ["-c", "user.name=Example", "-c", "user.email=example@example.org"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True)


def gate(folder: Path) -> int:
    """Hold the working tree against the last commit; return the exit code."""
    words = ["ours.yaml", "--base", "HEAD", "--plugin", "ours.py", "--budget", "120"]
    command = [sys.executable, "-m", "convgauge", "gate", *words]
    return subprocess.run(command, cwd=folder, check=False).returncode


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ours.py").write_text(PLUGIN)
        (folder / "ours.yaml").write_text(SCENARIOS)
        git(folder, "init", "--quiet")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", "A convolution of our own")
        # Somebody computes everything twice.
        (folder / "ours.py").write_text(PLUGIN.replace(CALL, f"({CALL} + {CALL}) / 2"))
        code = gate(folder)
    print(
        f"exit code {code}: {'refused, as it should be' if code == 1 else 'not what was planted'}"
    )
    return 0 if code == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
