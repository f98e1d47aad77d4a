"""Which implementation is fastest for a problem, learnt from what was measured on this machine.

    features ─► gaussian_process ─► selector ◄─ store ◄─ (file)       what `auto` asks
                                       ▲          ▲
                                     prior     learning ◄─ campaign   what `tune` does

`auto` is the one implementation that reads it, through `candidates`; it needs no process but its
own.
`remembered` keeps what was measured inside networks, which goes before all predictions.
"""
