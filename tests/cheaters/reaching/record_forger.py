"""A process of its own session waits for the row's record in the folder `forged`, appends a better
one, and makes the manifest say that another machine measured.

Its own time is what counts all the same.

Seen: own
Must be: incorrect or passed
"""

import json
import os
import time
from pathlib import Path

import torch.nn.functional as F

from suite import register

RESULTS = Path("forged/results.jsonl")
MANIFEST = Path("forged/manifest.json")
_begun = []


def _forge():
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for line in RESULTS.read_text().splitlines(keepends=True):
            if '"implementation":"record_forger"' in line and line.endswith("\n"):
                record = json.loads(line)
                for block in record["blocks"]:
                    block["samples_s"] = [s / 8 for s in block["samples_s"]]
                with RESULTS.open("a") as file:
                    file.write(json.dumps(record, separators=(",", ":")) + "\n")
                manifest = json.loads(MANIFEST.read_text())
                manifest["machine"]["processor"] = "the fastest of all"
                MANIFEST.write_text(json.dumps(manifest))
                return
        time.sleep(0.001)


@register("record_forger", family="direct")
def record_forger(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if not _begun and RESULTS.exists():
        _begun.append(True)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                _forge()
            os._exit(0)
        os.wait()
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
