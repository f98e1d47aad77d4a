"""What profiling runs in a process of its own: one implementation, looked at from inside."""
