"""Processes that run a user's model: survey, optimiser, worker, judge."""
