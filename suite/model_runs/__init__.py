"""Whole networks as scenarios: surveyed in a process of its own, and the arms that compute them.

    surveying ⇄ models/child/survey        a NetworkScenario: what there is to call, and its sizes
    arms                                   eager, channels_last, optimize, compilers, engines, rows
    optimising ⇄ models/child/optimiser    what `optimize` chose, kept in the run's folder

Measuring them is `suite.measuring`'s, as for single convolutions.
"""
