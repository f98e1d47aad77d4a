"""The process that runs other people's code: one implementation.

It times, watches, and decides nothing.
"""
