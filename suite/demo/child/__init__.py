"""What the demonstration runs in a process of its own."""
