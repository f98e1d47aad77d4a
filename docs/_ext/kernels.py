"""The kernel that executes code cells: the same whatever one has set up for oneself."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

SETTINGS = Path(__file__).with_name("ipython_kernel_config.py")


def settle(app: Sphinx, _config: Config) -> None:
    """Give kernels a profile of their own, below the built pages: they read it at their start."""
    profile = Path(app.outdir) / ".ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    shutil.copy(SETTINGS, profile)
    os.environ["IPYTHONDIR"] = str(profile.parent)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", settle)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
