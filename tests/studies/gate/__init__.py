"""How often the gate is wrong: raw samples of real blocks, recorded once, and every rule on them.

record ─► samples.npz ─► replay ─► the table in docs/gate.md
"""
