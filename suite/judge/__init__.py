"""The process that decides: it holds every expected value and runs nobody else's code."""
