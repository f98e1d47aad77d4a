"""What is known about a run afterwards, in memory and on disk: all that a report may read."""
