"""Many machines: the queue of scenarios, who measures them, and how records come home.

    where ─► transport ─► dispatch ─► work ─► the run's folder
    (WHERE)  (Dask)        │    ▲
                     queue ▼    │ records, a turn at a time
                          at_worker ─► leash ─► an ordinary `run` of the machine's own ConvGauge

The queue is the client's. Dask carries one small task at a time to each worker, pinned to it, and
tells who is there; `suite.messages.fleet` is all that travels. `transport` alone imports it.
"""
