"""What a gate run leaves: gate.json, gate.md for a pull request, junit.xml, gate.html."""

from __future__ import annotations

import json
from pathlib import Path

from reports.gate import junit, page, text
from suite.gate.outcome import GateOutcome
from suite.results.inside import write_whole

__all__ = ["write"]


def write(outcome: GateOutcome, out: Path) -> list[Path]:
    """Write every format into the folder `out` and return the files, the page first."""
    texts = {
        "gate.html": page.render(outcome),
        "gate.md": text.markdown(outcome),
        "junit.xml": junit.render(outcome),
        "gate.json": json.dumps(outcome.to_dict(), indent=1, ensure_ascii=False) + "\n",
    }
    for name, content in texts.items():
        write_whole(out / name, content)
    return [out / name for name in texts]
