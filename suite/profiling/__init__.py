"""Where the time and the memory of a cell go: a pass of its own, after everything was timed.

    run ─► results.jsonl ─► Profiler (one fresh process a cell) ─► profiles.jsonl ─► reports

`record` is what is known afterwards, `bound` what follows from it; both are plain data. `session`
asks, `worker` answers from within the implementation's process.
"""
