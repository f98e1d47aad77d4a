"""What optimising a network runs in a process of its own: passes through a copy of it."""
