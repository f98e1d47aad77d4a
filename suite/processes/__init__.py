"""Processes and what lies between them: starting, watching, ending; messages; shared memory."""
