"""Other environments for the same code: what is asked for, made ready, and how two differ."""
