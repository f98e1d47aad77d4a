"""Where the time and the memory of a cell go: a pass of its own, after everything was timed.

    run ─► results.jsonl ─► Profiler (one fresh process a cell) ─► profiles.jsonl ─► reports

`session` asks, `worker` answers from within the implementation's process. What is known afterwards
is plain data: `suite/profile.py`, and what follows from it `suite/bound.py`.
"""
