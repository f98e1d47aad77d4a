"""A user's model as one call that is measured: loaded, called with a row of numbers, in many ways.

    loading ─► calling        a row of numbers in, one row out: outputs, or a step's gradients
            ─► ways           eager, channels_last, by rows, as optimised, compiled, by an engine

The processes that run them are in `child/`: one that surveys a model, one that optimises it, the
worker of each arm, and the judge, which holds the float64 results.
"""
