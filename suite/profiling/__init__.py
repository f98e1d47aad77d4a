"""Where the time and the memory of a cell go: a pass of its own, after everything was timed.

    run ─► results.jsonl ─► Profiler (one fresh process a cell) ─► profiles.jsonl ─► reports

`profiler` asks, `child.process` answers from within the implementation's process. What is known
afterwards is plain data: `suite/results/profile.py`, and what follows `suite/results/roofline.py`.
"""
