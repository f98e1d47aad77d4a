"""The lessons of docs/learn/: their tables, their exercises, and how exercises are marked."""
