"""Who measures what, and what becomes of it when a worker dies, hangs or comes late.

One question is open to each worker at any time. The answer brings records, which are on disk
before the next question says so; hence nothing is lost between two questions, and nothing is twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from suite.errors import (
    EXIT_GOOD,
    EXIT_INCONCLUSIVE,
    EXIT_NOT_COMPARABLE,
    EXIT_SLOWER,
    EXIT_USAGE,
    EXIT_WRONG,
)
from suite.fleet.conversation import Conversation, Unanswered, Unfit
from suite.fleet.description import read_description
from suite.fleet.patience import Patience
from suite.fleet.presence import Presence
from suite.fleet.scenario_queue import ScenarioQueue
from suite.fleet.sentences import done_words, last_line, quoted, some, why_ended
from suite.fleet.transport import Answer, SchedulerGone
from suite.fleet.work import Work
from suite.fleet.workers import AT_WORK, Doing, Worker, host_of
from suite.messages.fleet import Job, Told

MEASURED = (EXIT_GOOD, EXIT_SLOWER, EXIT_WRONG, EXIT_INCONCLUSIVE)
"""With which a command ends that has done what it was told."""
MOST_FAILURES = 3
"""Jobs in a row of which a worker brought no record: it is the worker, then."""
LISTEN_S = 0.2


@dataclass
class Lane:
    """Workers that are alike, and what they are to do together."""

    name: str
    scenarios: ScenarioQueue
    work: Work[Any]


@dataclass
class Outcome:
    """How it ended."""

    workers: list[Worker]
    left: dict[str, list[str]]
    """Lane → scenarios that nobody has done, lost ones left out."""
    why: str = ""
    """It ended before the queue was empty."""
    interrupted: bool = False
    wall_s: float = 0.0
    own_s: float = 0.0
    """That this process itself took for it, all scenarios together."""


@dataclass
class Dispatcher:
    """Has scenarios done by whoever is there.

    Args:
        description: the job that describes a worker; who has arrived does it first.
        watch: is told what happened: a line of text, or an empty one where only times moved.
    """

    conversation: Conversation
    description: Job
    watch: Callable[[Dispatcher, str], None] = lambda *_: None
    patience: Patience = field(default_factory=Patience)
    alike_by_host: bool = False
    """Whether the workers of a host are the same Python in the same environment, as those that
    were started here are: one of them is described then."""
    deadline_s: float | None = None
    """Seconds from the beginning of `run` after which nothing goes on."""
    lanes: list[Lane] = field(default_factory=list)
    began_at: float = field(default_factory=time.monotonic)
    _admit: Callable[[Worker], Lane | str] | None = None
    _lane_of: dict[str, Lane] = field(default_factory=dict)
    _own_s: float = 0.0

    def __post_init__(self) -> None:
        self._presence = Presence(self.conversation)

    @property
    def workers(self) -> dict[str, Worker]:
        """Those that there are or were, by address."""
        return self._presence.workers

    def lane_of(self, worker: Worker) -> Lane | None:
        return self._lane_of.get(worker.address)

    def assemble(self, least: int, most_s: float) -> list[Worker]:
        """Wait for so many workers to have come, and for all that are there to be described.

        Args:
            most_s: to wait for workers to come; what they are asked then is bounded by itself.

        Returns:
            Those that are ready; fewer than `least` where no more came in time.

        Raises:
            SchedulerGone: nobody tells who is there.
        """
        began = time.monotonic()
        while True:
            self._look_around()
            self._listen()
            doings = [worker.doing for worker in self.workers.values()]
            is_new = any(doing in (Doing.ARRIVED, Doing.DESCRIBING) for doing in doings)
            came = sum(doing is not Doing.GONE for doing in doings)
            if not is_new and (came >= least or time.monotonic() - began > most_s):
                return [w for w in self.workers.values() if w.doing is Doing.IDLE]

    def run(self, admit: Callable[[Worker], Lane | str]) -> Outcome:
        """Go on until nothing is left, nobody is left, the time is over, or Ctrl-C.

        Args:
            admit: the lane that a worker that is ready belongs to, or why to none.
        """
        self._admit = admit
        self.began_at = time.monotonic()
        self._presence.begin()
        self._own_s = 0.0
        why, interrupted = "", False
        try:
            self._hand_out()
            while self._is_open() and not (why := self._why_end()):
                self._listen()
                self._look_around()
                self._hand_out()
        except SchedulerGone as gone:
            why = f"the scheduler is gone ({gone}); all that came home is kept"
        except KeyboardInterrupt:
            interrupted = True
        left = {lane.name: self._left_of(lane) for lane in self.lanes}
        self._end_all()
        return Outcome(
            workers=list(self.workers.values()),
            left=left,
            why=why,
            interrupted=interrupted,
            wall_s=time.monotonic() - self.began_at,
            own_s=self._own_s,
        )

    def _left_of(self, lane: Lane) -> list[str]:
        mine = [w for w in self.workers.values() if self.lane_of(w) is lane]
        in_flight = [name for worker in mine for name in worker.scenarios]
        return lane.work.left([*in_flight, *lane.scenarios.give_up()])

    def _is_open(self) -> bool:
        is_at_work = any(worker.scenarios for worker in self.workers.values())
        return is_at_work or any(len(lane.scenarios) for lane in self.lanes)

    def _why_end(self) -> str:
        now = time.monotonic()
        if self.deadline_s is not None and now - self.began_at > self.deadline_s:
            return "the time is over"
        if self._presence.deserted_s > self.patience.alone_s:
            asides = [w for w in self.workers.values() if w.doing is Doing.SET_ASIDE]
            told = "; ".join(f"{worker.name}: {worker.why}" for worker in asides)
            return f"no worker is left{f' ({told})' if told else ''}; all that came home is kept"
        return ""

    # -- who is there ------------------------------------------------------------------------------

    def _look_around(self) -> None:
        """See who is there, who came and who is gone, who is silent or stuck."""
        for worker in self._presence.look(self.patience):
            self.conversation.forget(worker)
            self._lose(worker, f"its worker on {worker.machine} died, or was taken away")
            worker.turn_to(Doing.GONE)
        for worker in list(self.workers.values()):
            self._see(worker)
        self._presence.note_use()
        self.watch(self, "")

    def _see(self, worker: Worker) -> None:
        now = time.monotonic()
        if worker.doing is Doing.ARRIVED:
            self._describe_one_at_a_time(worker)
        silent_s = now - worker.heard_at
        is_awaited = worker.is_asked and worker.doing is not Doing.SILENT
        if is_awaited and silent_s > self.patience.silent_s:
            self._lose(worker, f"nothing heard from {worker.machine} for {silent_s:.0f} s")
            worker.turn_to(Doing.SILENT)
            self.watch(self, f"{worker.name}: silent for {silent_s:.0f} s")
        stuck_s = now - worker.progressed_at
        is_at_work = worker.doing in (Doing.STARTING, Doing.WORKING)
        if is_at_work and stuck_s > self.patience.stuck_s:
            self._lose(worker, f"no record from {worker.machine} for {stuck_s:.0f} s")
            worker.end()

    def _describe_one_at_a_time(self, worker: Worker) -> None:
        """Begin, unless another worker of its host is at it: each would find the other's noise."""
        host = host_of(worker.address)
        others = [w for w in self.workers.values() if host_of(w.address) == host]
        known = next((w.description for w in others if w.description), None)
        if self.alike_by_host and known:
            worker.description = known
            worker.end()
            self._presence.number(worker)
            return
        if not any(other.doing is Doing.DESCRIBING for other in others):
            worker.text = ""
            worker.turn_to(Doing.DESCRIBING)
            self.conversation.begin(worker, self.description)

    # -- handing out -------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        began = time.monotonic()
        for worker in self.workers.values():
            if worker.doing is not Doing.IDLE or worker.is_asked:
                continue
            lane = self._lane_of.get(worker.address) or self._admitted(worker)
            if lane is None:
                continue
            if scenarios := lane.scenarios.take(self._able(lane)):
                worker.begin(scenarios)
                worker.missing = {name: len(lane.work.missing[name]) for name in scenarios}
                job = lane.work.job(scenarios, share=self._presence.share(worker))
                self.conversation.begin(worker, job)
            elif worker.to_forget:
                self.conversation.ask(worker)
        self._own_s += time.monotonic() - began

    def _able(self, lane: Lane) -> int:
        """Return how many workers share what is left of a lane."""
        mine = (w for w in self.workers.values() if self.lane_of(w) is lane)
        return sum(worker.doing in (*AT_WORK, Doing.IDLE) for worker in mine)

    def _admitted(self, worker: Worker) -> Lane | None:
        if self._admit is None:
            return None
        lane = self._admit(worker)
        if isinstance(lane, str):
            self._set_aside(worker, lane)
            return None
        self._lane_of[worker.address] = lane
        if lane not in self.lanes:
            self.lanes.append(lane)
        return lane

    # -- answers -----------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Take the answers that are there, or wait a moment for one."""
        for answer in self.conversation.answers(min(LISTEN_S, self.patience.present_s)):
            began = time.monotonic()
            worker = self.workers.get(answer.address)
            if worker is not None and worker.doing is not Doing.GONE:
                self._hear(worker, answer)
            self._own_s += time.monotonic() - began

    def _hear(self, worker: Worker, answer: Answer) -> None:
        self.conversation.heard(worker)
        if worker.doing is Doing.SILENT:  # it is back; what it had is somebody else's
            worker.end()
            if worker.description is None:
                worker.turn_to(Doing.ARRIVED)
        elif worker.doing in (*AT_WORK, Doing.DESCRIBING):
            heard = self.conversation.understand(worker, answer)
            if isinstance(heard, Unfit):
                self._set_aside(worker, heard.why)
            elif isinstance(heard, Unanswered):
                self._unanswered(worker, heard.trouble)
            elif heard is not None and heard.state == "refused":
                self._refused(worker, heard.said)
            elif heard is not None and worker.doing is Doing.DESCRIBING:
                self._described(worker, heard)
            elif heard is not None:
                self._go_on(worker, heard)

    def _unanswered(self, worker: Worker, trouble: str) -> None:
        if worker.doing is Doing.DESCRIBING:
            self._set_aside(worker, trouble)
        else:
            self._lose(worker, f"{worker.machine} could not be asked: {trouble}")
            worker.end()

    def _refused(self, worker: Worker, said: str) -> None:
        worker.failures += 1
        if worker.doing is Doing.DESCRIBING or worker.failures >= MOST_FAILURES:
            self._set_aside(worker, quoted(said))
        else:
            self._lose(worker, f"{worker.machine} refused it: {quoted(said)}")
            worker.end()

    def _described(self, worker: Worker, told: Told) -> None:
        worker.text += told.records
        worker.offset += len(told.records.encode())
        if told.state != "ended" or told.has_more:
            self.conversation.ask(worker)
            return
        if told.exit_code != EXIT_GOOD or not worker.text:
            self._set_aside(worker, quoted(told.said) or f"exit code {told.exit_code}")
            return
        try:
            worker.description = read_description(worker.text)
        except ValueError as error:
            self._set_aside(worker, str(error))
            return
        worker.text = ""
        worker.end()
        self._presence.number(worker)

    def _go_on(self, worker: Worker, told: Told) -> None:
        doing = {"waiting": Doing.WAITING, "starting": Doing.STARTING}
        worker.turn_to(doing.get(told.state, Doing.WORKING))
        if told.state == "waiting" and told.said and not worker.has_waited:
            worker.has_waited = True
            self.watch(self, f"{worker.name}: {last_line(told.said)}")
        if told.records and not self._take(worker, told.records):
            return
        if told.state == "ended" and not told.has_more:
            self._ended(worker, told)
            return
        held_s = time.monotonic() - worker.progressed_at
        if told.is_stopped and held_s > self.patience.held_s:
            self._lose(worker, f"its process on {worker.machine} was held for {held_s:.0f} s")
            worker.end()
        else:
            self.conversation.ask(worker)

    def _take(self, worker: Worker, records: str) -> bool:
        """Keep records; return whether they were any."""
        lane = self._lane_of[worker.address]
        try:
            worker.cells += lane.work.take(worker.machine, records)
        except ValueError as error:
            self._set_aside(worker, f"a damaged record came from it: {error}")
            return False
        worker.offset += len(records.encode())
        worker.failures = 0
        worker.progressed_at = time.monotonic()
        return True

    def _ended(self, worker: Worker, told: Told) -> None:
        lane, names = self._lane_of[worker.address], worker.scenarios
        lane.work.ended(names, told.exit_code or 0)
        left = lane.work.left(names)
        if not left:
            worker.done += len(names)
            worker.estimated_s += lane.scenarios.estimate_s(names)
            worker.end()
            self.watch(self, done_words(worker, names))
            return
        code = told.exit_code or 0
        if code in MEASURED:
            rows = some(sorted(lane.work.missing[left[0]]))
            reason = f"its process on {worker.machine} ended without a record of {rows}"
        else:
            reason = why_ended(worker.machine, told)
        if code > 0 and code not in MEASURED:
            worker.failures += 1
            is_told_why = code in (EXIT_USAGE, EXIT_NOT_COMPARABLE)
            if is_told_why or worker.failures >= MOST_FAILURES:
                self._set_aside(worker, reason)
                return
        self._lose(worker, reason)
        worker.end()

    # -- losses ------------------------------------------------------------------------------------

    def _lose(self, worker: Worker, reason: str) -> None:
        """Give back what a worker had; what was lost too often is given up."""
        lane = self._lane_of.get(worker.address)
        if lane is None or worker.doing not in AT_WORK:
            return
        left = lane.work.left(worker.scenarios)
        worker.done += len(worker.scenarios) - len(left)
        worker.scenarios = []
        if not left:
            return
        worker.lost += len(left)
        advanced = [n for n in left if len(lane.work.missing[n]) < worker.missing.get(n, 0)]
        blamed = "" if self._presence.was_away(self.patience) else reason
        lost = lane.scenarios.give_back(left, blamed, advanced=advanced)
        self.watch(self, f"{some(left)} given back: {reason}")
        for one in lost:
            lane.work.mark_lost(one)
            self.watch(self, f"{one.scenario}: {one.reason}")

    def _set_aside(self, worker: Worker, why: str) -> None:
        """Give it nothing more, and what it had to others: that is not the scenarios' fault."""
        if (lane := self._lane_of.get(worker.address)) and worker.scenarios:
            lane.scenarios.give_back(lane.work.left(worker.scenarios))
        worker.end()
        worker.turn_to(Doing.SET_ASIDE)
        worker.why = why
        self.watch(self, f"{worker.name} takes no part: {why}")

    def _end_all(self) -> None:
        """Ask all to end what they do; who cannot be asked ends it when the lease is over."""
        for worker in self.workers.values():
            if worker.doing is Doing.GONE:
                continue
            if worker.doing in (*AT_WORK, Doing.DESCRIBING):
                worker.end()
            if worker.to_forget:
                self.conversation.ask(worker)
        until = time.monotonic() + self.patience.poll_s + 2.0
        while any(w.is_asked for w in self.workers.values()) and time.monotonic() < until:
            for answer in self.conversation.answers(LISTEN_S):
                if answer.address in self.workers:
                    self.workers[answer.address].is_asked = False
