"""Exercise of the lesson on timing: a measurement that is not fooled."""

from suite.lessons.lesson import Task

TASKS = (
    Task(
        what="mend a measurement that three things fool",
        text='''\
import statistics


def measure(call, clock):
    """Return how many seconds one call takes, usually.

    `call()` computes something; `clock()` returns seconds, like time.perf_counter. The first call
    may take long (it compiles, it fills caches), some calls are interrupted by others, and the
    clock may tick more seldom than a call ends.
    """
    times = []
    for _ in range(20):
        began = clock()
        call()
        times.append(clock() - began)
    return sum(times) / len(times)
''',
        function="measure",
        claim="measure",
        hints=(
            "Three things: the first call, the interrupted one, the clock. Each is a line or two.",
            "Call once before any clock is read. Of many times take the one in the middle.",
            "Time many calls between two readings, as many as it takes to pass hundreds of ticks "
            "and divide; take the median of several such samples. Short ones, or an interruption "
            "hits each.",
        ),
    ),
)
