"""What the gate runs in a process of its own."""
