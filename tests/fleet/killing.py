"""Workers of a fleet that runs as a process here, to be killed."""

from __future__ import annotations

import contextlib
import random
import subprocess

import psutil


def workers_of(client: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return Dask's worker processes of `run --on local:N`."""
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(client.pid).children()
        return [child for child in children if "dask_spec" in _command(child)]
    return []


def at_work(client: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the workers of which a job measures, or waits to."""
    return [worker for worker in workers_of(client) if jobs_of(worker)]


def jobs_of(worker: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return [job for job in worker.children() if "commands._main:main" in _command(job)]
    return []


def kill_one(client: subprocess.Popen[str], generator: random.Random) -> list[psutil.Process]:
    """Kill a worker that is at work with -9; return its jobs."""
    for worker in generator.sample(found := at_work(client), len(found)):
        with contextlib.suppress(psutil.Error):
            jobs = jobs_of(worker)
            worker.kill()
            return jobs
    return []


def _command(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
