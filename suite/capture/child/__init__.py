"""What capturing runs in a process of its own: a user's network."""
