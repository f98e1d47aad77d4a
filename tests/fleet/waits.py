"""A job that measures nothing: holds the leash, says who it is, and waits."""

import os
import sys
import time
from pathlib import Path

from suite.fleet import leash

leash.hold(float(sys.argv[2]))
Path("pid.part").write_text(str(os.getpid()))
Path("pid.part").rename("pid")
time.sleep(60)
