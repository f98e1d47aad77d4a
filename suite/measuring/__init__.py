"""The parent of a run: chooses what is measured, starts worker and judge, asks and writes down.

It never imports torch, nor anything that runs in its children; those it starts by name.
"""
