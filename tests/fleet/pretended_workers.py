"""A transport whose workers answer as a script says: no Dask, no processes, no torch."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from suite.fleet.transport import Answer, SchedulerGone
from suite.messages.fleet import Ask, Job, Told
from suite.records import from_json, to_json

FACTS = {"cpu": "one", "torch": "2.13.0", "threads": 2, "cores": 2}


def described(
    machine: str = "node",
    rows: Sequence[str] = ("torch", "mine"),
    kinds: Sequence[str] = ("conv2d",),
    **facts: object,
) -> str:
    """Return what a worker writes of itself."""
    manifest = {
        "machine": {**FACTS, "hostname": machine, **facts},
        "convgauge_version": "1",
        "request": {},
        "settings": {"threads": 2},
    }
    row = {"family": "direct", "is_own": False, "unavailable": None, "kinds": kinds}
    listed = [{"name": name, **row} for name in rows]
    return json.dumps({"manifest": manifest, "rows": listed, "scenarios": ["s/a"]}) + "\n"


def recorded(scenario: str, row: str) -> str:
    return json.dumps({"scenario": scenario, "implementation": row}) + "\n"


def measured(job: Job) -> Told:
    """Answer as a worker does that has measured all it was told to, by now."""
    names = [job.words[i + 1] for i, word in enumerate(job.words) if word == "--scenario"]
    rows = [job.words[i + 1] for i, word in enumerate(job.words) if word == "--impl"]
    text = "".join(recorded(name, row) for name in names for row in rows or ("torch", "mine"))
    return Told(state="ended", records=text, exit_code=0)


@dataclass
class PretendedWorker:
    """Answers each question; None is no answer at all."""

    answer: Callable[[Job], Told | None] = measured
    text: str = field(default_factory=described)
    jobs: list[Job] = field(default_factory=list)
    """That it was told to begin, descriptions left out."""
    current: Job | None = None

    def reply(self, ask: Ask) -> Told | None:
        if ask.begin is not None and ask.begin.describes:
            return Told(state="ended", records=self.text, exit_code=0)
        if ask.begin is not None:
            self.current = ask.begin
            self.jobs.append(ask.begin)
        if not ask.identity or self.current is None:
            return Told(state="refused", said="nothing to do")
        return self.answer(self.current)


class PretendedFleet:
    """Workers by address; take one away and it is gone."""

    def __init__(self, **workers: PretendedWorker) -> None:
        self.workers = {f"tcp://{name}:1": worker for name, worker in workers.items()}
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.withheld: list[Answer] = []
        self.is_gone = False
        self.at_look: Callable[[], object] = lambda: None

    def addresses(self) -> set[str]:
        self.at_look()
        if self.is_gone:
            raise SchedulerGone("closed")
        return set(self.workers)

    def ask(self, address: str, text: str) -> None:
        if (worker := self.workers.get(address)) is None:
            return
        told = worker.reply(from_json(Ask, text))
        if told is None:
            self.withheld.append(Answer(address, text=to_json(Told(state="working"))))
        else:
            self.answers.put(Answer(address, text=to_json(told)))

    def forget(self, address: str) -> None:
        pass
