"""Workers that die, hang, lose their network, come late or are unfit, one after the other."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import replace

import pytest

from suite.fleet.conversation import Conversation
from suite.fleet.dispatch import Dispatcher, Lane, Outcome
from suite.fleet.patience import Patience
from suite.fleet.scenario_queue import ScenarioQueue
from suite.fleet.transport import Answer
from suite.fleet.work import Texts, Work
from suite.fleet.workers import Doing
from suite.messages.fleet import Ask, Job, Told
from suite.records import from_json, to_json
from tests.fleet.pretended_workers import (
    PretendedFleet,
    PretendedWorker,
    described,
    measured,
    recorded,
)

QUICK = Patience(
    poll_s=0.0,
    present_s=0.0,
    silent_s=60.0,
    held_s=0.1,
    stuck_s=0.3,
    gone_s=0.1,
    alone_s=0.3,
    away_s=5.0,
)
IMPATIENT = replace(QUICK, silent_s=0.3, stuck_s=60.0)
"""Where silence is what is looked at: a busy machine makes everybody silent for a moment."""
DESCRIPTION = Job(words=("run",), files=(), records="d", variables={}, describes=True)
ROWS = ("torch", "mine")


class Record:
    def __init__(self, plain):
        if plain.keys() != {"scenario", "implementation"}:
            raise ValueError("no record")
        self.scenario, self.implementation = plain["scenario"], plain["implementation"]


class Bench:
    """A dispatcher on pretended workers, with all that it kept."""

    def __init__(
        self,
        fleet: PretendedFleet,
        scenarios=("a", "b", "c"),
        together_s=0.0,
        patience: Patience = QUICK,
    ) -> None:
        self.kept: list[tuple[str, str, str]] = []
        self.lost: dict[str, str] = {}
        self.news: list[str] = []
        self.fleet = fleet
        texts = Texts({})
        work = Work(
            missing={name: set(ROWS) for name in scenarios},
            words=self._words,
            records="r",
            texts=texts,
            decode=Record,
            scenario_of=lambda record: record.scenario,
            store=self._store,
            lose=lambda lost, names: self.lost.update({lost.scenario: lost.reason}),
        )
        self.lane = Lane("", ScenarioQueue(dict.fromkeys(scenarios, 1.0), together_s), work)
        self.dispatcher = Dispatcher(
            Conversation(fleet, texts, patience),
            DESCRIPTION,
            lambda _, news: self.news.append(news) if news else None,
            patience,
        )

    @staticmethod
    def _words(scenarios, rows):
        of_scenarios = [word for name in scenarios for word in ("--scenario", name)]
        return ["run", *of_scenarios, *(word for row in rows for word in ("--impl", row))]

    def _store(self, machine, records):
        self.kept += [(r.scenario, r.implementation, machine) for r in records]

    def run(self, admit=None) -> Outcome:
        self.dispatcher.assemble(1, 0.0)
        return self.dispatcher.run(admit or (lambda _: self.lane))

    @property
    def cells(self) -> Counter:
        return Counter((scenario, row) for scenario, row, _ in self.kept)


ALL = Counter({(name, row): 1 for name in "abc" for row in ROWS})


def test_all_cells_come_home_once_and_name_their_machine():
    bench = Bench(PretendedFleet(x=PretendedWorker(text=described("node1"))))
    outcome = bench.run()

    assert bench.cells == ALL
    assert {machine for *_, machine in bench.kept} == {"node1"}
    assert outcome.left == {"": []}
    assert outcome.why == ""


@pytest.mark.parametrize("are_shared", [True, False])
def test_workers_of_one_machine_get_its_cores_in_parts_where_they_share_them(are_shared):
    """Two that may use all of them wait for each other's time slices at every step."""
    workers = {name: PretendedWorker(text=described("node1")) for name in "xy"}
    workers["z"] = PretendedWorker(text=described("node2"))
    bench = Bench(PretendedFleet(**workers), scenarios="abcdef")
    bench.lane.work.shares_cores = are_shared
    bench.run()

    shares = {name: {job.share for job in worker.jobs} for name, worker in workers.items()}
    if are_shared:
        assert shares["x"] | shares["y"] == {(0, 2), (1, 2)}
        assert shares["z"] == {(0, 1)}
    else:
        assert set().union(*shares.values()) == {None}


def test_a_worker_that_dies_gives_its_scenario_to_another():
    fleet = PretendedFleet(x=PretendedWorker(lambda _: Told(state="working")), y=PretendedWorker())
    dying = fleet.workers["tcp://x:1"]

    def die():
        if dying.jobs:
            fleet.workers.pop("tcp://x:1", None)

    fleet.at_look = die
    bench = Bench(fleet)
    bench.run()

    assert bench.cells == ALL
    assert any("died, or was taken away" in news for news in bench.news)


def test_what_a_dying_worker_had_recorded_is_not_measured_again():
    half = Told(state="working", records=recorded("a", "torch"))
    fleet = PretendedFleet(x=PretendedWorker(lambda _: half))
    bench = Bench(fleet, scenarios=("a",))

    def die():
        if bench.kept:
            fleet.workers = {"tcp://y:1": second}

    second = PretendedWorker()
    fleet.at_look = die
    bench.run()

    assert bench.cells == Counter({("a", "torch"): 1, ("a", "mine"): 1})
    assert second.jobs[0].words[-2:] == ("--impl", "mine")


def test_a_silent_worker_loses_its_scenario_and_is_welcome_when_it_is_back():
    fleet = PretendedFleet(x=PretendedWorker(lambda _: None))
    silent = fleet.workers["tcp://x:1"]
    bench = Bench(fleet)

    def come_back():
        if not silent.jobs:
            return
        bench.dispatcher.patience = IMPATIENT  # not before: describing takes a busy machine longer
        if bench.dispatcher.workers["tcp://x:1"].doing is Doing.SILENT:
            silent.answer = measured
            while fleet.withheld:
                fleet.answers.put(fleet.withheld.pop())

    fleet.at_look = come_back
    bench.run()

    assert bench.cells == ALL
    assert any("nothing heard from node" in news for news in bench.news)


def test_a_worker_that_is_silent_before_it_was_described_is_described_when_it_is_back():
    fleet = PretendedFleet(x=PretendedWorker(), y=PretendedWorker())
    slow = fleet.workers["tcp://x:1"]
    reply, bench = slow.reply, Bench(fleet, patience=IMPATIENT)
    slow.reply = lambda ask: None

    def come_back():
        worker = bench.dispatcher.workers.get("tcp://x:1")
        if worker and worker.doing is Doing.SILENT:
            slow.reply = reply
            while fleet.withheld:
                fleet.answers.put(fleet.withheld.pop())

    fleet.at_look = come_back
    bench.run()

    assert bench.cells == ALL
    assert bench.dispatcher.workers["tcp://x:1"].description is not None


def test_late_records_of_a_scenario_that_another_has_done_count_once():
    fleet = PretendedFleet(x=PretendedWorker(lambda _: None), y=PretendedWorker())
    bench = Bench(fleet, patience=IMPATIENT)

    def answer_late():
        if bench.cells == ALL and fleet.withheld:
            late = Told(state="working", records=recorded("a", "torch"))
            fleet.answers.put(Answer(fleet.withheld.pop().address, text=to_json(late)))

    fleet.at_look = answer_late
    bench.run()

    assert bench.cells == ALL


def test_a_held_process_is_given_up():
    worker = PretendedWorker(lambda _: Told(state="working", is_stopped=True))
    bench = Bench(PretendedFleet(x=worker))
    add_time = bench.dispatcher.watch

    def watch(fleet, news):
        if "was held" in news:
            worker.answer = measured
        add_time(fleet, news)

    bench.dispatcher.watch = watch
    bench.run()

    assert bench.cells == ALL


def test_a_process_that_records_nothing_is_given_up_but_not_while_it_waits_for_its_machine():
    since = threading.Event()
    timer = threading.Timer(0.6, since.set)  # twice as long as it may be stuck

    def waits(job):
        return measured(job) if since.is_set() else Told(state="waiting", said="another run: pid 1")

    bench = Bench(PretendedFleet(x=PretendedWorker(waits)), scenarios=("a",))
    timer.start()
    outcome = bench.run()

    assert not bench.lost
    assert not [news for news in bench.news if "given back" in news]
    assert any("another run: pid 1" in news for news in bench.news)
    assert outcome.workers[0].waited_s > 0.3

    bench = Bench(PretendedFleet(x=PretendedWorker(lambda _: Told(state="working"))), ("a",))
    bench.run()

    assert "no record from node" in bench.lost["a"]


def test_what_costs_three_workers_is_lost_and_the_rest_is_done():
    def killer(job):
        is_poison = "b" in job.words
        return Told(state="ended", exit_code=-9) if is_poison else measured(job)

    bench = Bench(PretendedFleet(x=PretendedWorker(killer), y=PretendedWorker(killer)))
    outcome = bench.run()

    assert bench.lost == {"b": "lost 3 times: its process on node was ended by signal 9"}
    assert bench.cells == Counter({key: 1 for key in ALL if key[0] != "b"})
    assert outcome.left == {"": []}


def test_of_scenarios_that_are_lost_together_only_the_one_at_fault_is_given_up():
    def killer(job):
        return Told(state="ended", exit_code=-9) if "b" in job.words else measured(job)

    worker = PretendedWorker(killer)
    bench = Bench(PretendedFleet(x=worker), together_s=100.0)
    bench.lane.scenarios._entries["a"].estimate_s = 0.1
    bench.lane.scenarios._entries["b"].estimate_s = 0.1
    bench.run()

    assert list(bench.lost) == ["b"]
    assert bench.cells == Counter({key: 1 for key in ALL if key[0] != "b"})


def test_a_late_worker_gets_work_at_once():
    fleet = PretendedFleet(x=PretendedWorker(lambda _: Told(state="working")))
    late = PretendedWorker(text=described("late"))

    def come():
        if fleet.workers["tcp://x:1"].jobs:
            fleet.workers["tcp://late:1"] = late

    fleet.at_look = come
    bench = Bench(fleet)
    bench.run()

    assert late.jobs
    assert ("b", "torch", "late") in bench.kept or ("c", "torch", "late") in bench.kept


def test_an_unlike_late_worker_takes_no_part():
    fleet = PretendedFleet(x=PretendedWorker())
    fleet.workers["tcp://z:1"] = odd = PretendedWorker(text=described("odd"))
    bench = Bench(fleet)
    bench.run(lambda worker: "unlike" if worker.machine == "odd" else bench.lane)

    assert bench.cells == ALL
    assert not odd.jobs
    assert any("odd takes no part: unlike" in news for news in bench.news)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Told(state="ended", exit_code=2, said="no torch here\n"), "no torch here"),
        (Told(state="refused", said="disk full"), "disk full"),
        (Told(state="ended", exit_code=70, said="a defect"), "a defect"),
        (Told(state="working", records='{"torn": 1}\n'), "damaged record"),
    ],
)
def test_a_worker_that_cannot_do_it_takes_no_part_and_costs_no_scenario(answer, why):
    bench = Bench(PretendedFleet(x=PretendedWorker(lambda _: answer), y=PretendedWorker()))
    outcome = bench.run()
    unfit = next(worker for worker in outcome.workers if worker.address == "tcp://x:1")

    assert bench.cells == ALL
    assert unfit.doing is Doing.SET_ASIDE or "damaged" not in why
    assert not bench.lost


def test_where_no_worker_can_do_it_the_run_ends_and_says_why():
    broken = Told(state="ended", exit_code=2, said="no torch here\n")
    bench = Bench(PretendedFleet(x=PretendedWorker(lambda _: broken)))
    outcome = bench.run()

    assert "no worker is left" in outcome.why
    assert "no torch here" in outcome.why
    assert sorted(outcome.left[""]) == ["a", "b", "c"]


def test_without_a_scheduler_the_run_ends_with_what_it_has():
    worker = PretendedWorker(lambda job: measured(job) if "a" in job.words else None)
    fleet = PretendedFleet(x=worker)
    bench = Bench(fleet)

    def go_away():
        fleet.is_gone = bool(bench.kept)

    fleet.at_look = go_away
    outcome = bench.run()

    assert "the scheduler is gone" in outcome.why
    assert bench.cells == Counter({("a", row): 1 for row in ROWS})
    assert sorted(outcome.left[""]) == ["b", "c"]


def test_ctrl_c_ends_it_and_tells_what_is_left():
    fleet = PretendedFleet(x=PretendedWorker(lambda _: Told(state="working")))

    def interrupt():
        if fleet.workers["tcp://x:1"].jobs:
            raise KeyboardInterrupt

    fleet.at_look = interrupt
    outcome = Bench(fleet).run()

    assert outcome.interrupted
    assert sorted(outcome.left[""]) == ["a", "b", "c"]


def test_questions_that_are_lost_are_asked_again():
    lost = iter([True, True, False])
    fleet = PretendedFleet(x=PretendedWorker())
    ask = fleet.ask

    def ask_or_lose(address, text):
        if from_json(Ask, text).begin is None or from_json(Ask, text).begin.describes:
            ask(address, text)
        elif next(lost, False):
            fleet.answers.put(Answer(address, trouble="OSError: timed out"))
        else:
            ask(address, text)

    fleet.ask = ask_or_lose
    bench = Bench(fleet)
    bench.run()

    assert bench.cells == ALL
    assert not [news for news in bench.news if "given back" in news]


def test_files_are_sent_only_to_who_lacks_them():
    sent = []
    fleet = PretendedFleet(x=PretendedWorker())
    reply = fleet.workers["tcp://x:1"].reply

    def lack_at_first(ask):
        sent.append(ask.texts)
        if ask.begin is not None and ask.begin.files and not ask.texts:
            return Told(state="lacks files", lacking=tuple(f.digest for f in ask.begin.files))
        return reply(ask)

    fleet.workers["tcp://x:1"].reply = lack_at_first
    bench = Bench(fleet, scenarios=("a",))
    texts = Texts({"s/a.yaml": "name: a\n", "p/mine.py": "import torch\n"})
    bench.dispatcher.conversation._texts = texts
    bench.lane.work.texts = texts
    bench.run()

    assert sorted(text for texts in sent for text in texts.values()) == [
        "import torch\n",
        "name: a\n",
    ]


def test_a_worker_without_convgauge_is_named():
    fleet = PretendedFleet(x=PretendedWorker(), y=PretendedWorker())
    ask = fleet.ask

    def not_there(address, text):
        if address == "tcp://x:1":
            trouble = "No module named 'convgauge'"
            fleet.answers.put(Answer(address, trouble=trouble, is_not_installed=True))
        else:
            ask(address, text)

    fleet.ask = not_there
    bench = Bench(fleet)
    outcome = bench.run()

    assert bench.cells == ALL
    assert any("ConvGauge is not installed there" in worker.why for worker in outcome.workers)


def test_ten_thousand_cells_take_little_time_of_the_client():
    bench = Bench(PretendedFleet(x=PretendedWorker(), y=PretendedWorker()), range(0), 0.0)
    names = [f"s{number}" for number in range(500)]
    bench.lane.scenarios = ScenarioQueue(dict.fromkeys(names, 1.0), 0.0)
    bench.lane.work = Work(
        missing={name: set(ROWS) for name in names},
        words=Bench._words,
        records="r",
        texts=Texts({}),
        decode=Record,
        scenario_of=lambda record: record.scenario,
        store=bench._store,
    )
    outcome = bench.run()

    assert len(bench.cells) == 2 * len(names)
    assert json.dumps(outcome.left) == '{"": []}'
