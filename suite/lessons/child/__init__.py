"""The processes that run an exercise, and that examine what came out."""
