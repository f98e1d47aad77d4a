"""What a worker of the fleet does when it is asked: begin a job, tell what is new, forget it.

Runs in the process that Dask started, which never computes: the job is a command in a process of
its own, with the environment of whoever started the worker and not of Dask's nanny.
"""

from __future__ import annotations

import threading
import time

from suite.errors import ConvGaugeError
from suite.fleet.job import RunningJob
from suite.messages.fleet import Ask, Told
from suite.records import from_json, to_json

POLL_S = 0.1
_jobs: dict[str, RunningJob] = {}
_texts: dict[str, str] = {}
"""Hash → text, of all that was ever sent to this process."""
_lock = threading.Lock()


def serve(text: str) -> str:
    """Answer one turn; `text` is an `Ask`, the answer a `Told`, both as JSON."""
    try:
        ask = from_json(Ask, text)
    except ValueError as error:
        reason = f"another version of ConvGauge is installed here, which cannot read this: {error}"
        return to_json(Told(state="refused", said=reason))
    try:
        return to_json(_answer(ask))
    except (ConvGaugeError, OSError) as error:
        return to_json(Told(state="refused", said=str(error)))


def _answer(ask: Ask) -> Told:
    with _lock:
        for identity in ask.forget:
            if job := _jobs.pop(identity, None):
                job.close()
        _texts.update(ask.texts)
        job = _jobs.get(ask.identity)
        if job is None:
            if ask.begin is None:
                return Told(state="refused", said="nobody here knows of this job; it was forgotten")
            lacking = {file.digest for file in ask.begin.files} - _texts.keys()
            if lacking:
                return Told(state="lacks files", lacking=tuple(sorted(lacking)))
            _forget_left_over()
            job = RunningJob(ask.begin, _texts, ask.lease_s)
            _jobs[ask.identity] = job
    job.renew()
    return _told(job, ask)


def _forget_left_over() -> None:
    """Remove the jobs of clients that have gone."""
    for identity, job in list(_jobs.items()):
        if job.is_left_over:
            _jobs.pop(identity).close()


def _told(job: RunningJob, ask: Ask) -> Told:
    """Return what is new, as soon as there is anything, or after the time to wait."""
    until = time.monotonic() + ask.wait_s
    at_first = job.state()
    while True:
        state = job.state()  # before the records: what is written after the end is never missed
        records, has_more = job.records_from(ask.offset)
        is_new = bool(records) or state != at_first or state == "ended"
        if is_new or time.monotonic() >= until:
            return Told(
                state=state,
                records=records,
                has_more=has_more,
                exit_code=job.exit_code,
                said=job.said() if state in ("ended", "waiting") else "",
                is_stopped=job.is_stopped(),
            )
        time.sleep(POLL_S)
