"""The built site, made once: what a build before has left is used as far as it is current."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from suite.processes.file_locks import locked
from tests.conftest import ROOT

SITE = ROOT / "docs" / "_build" / "html"


@pytest.fixture(scope="session")
def site() -> Path:
    """Build the pages as the README's command does, warnings being errors; return their folder."""
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    SITE.mkdir(parents=True, exist_ok=True)
    # Two processes share the tests, one of which builds.
    lock = os.open(SITE.parent / "lock", os.O_RDWR | os.O_CREAT)
    try:
        locked(lock, wait=True)
        words = ["-m", "sphinx", "-W", "-q", "-j", "2", "docs", str(SITE.relative_to(ROOT))]
        built = subprocess.run(
            [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if built.returncode:
            # Or the next build would find these pages current, and warn of nothing.
            shutil.rmtree(SITE / ".doctrees", ignore_errors=True)
            pytest.fail(built.stderr, pytrace=False)
    finally:
        os.close(lock)
    return SITE
