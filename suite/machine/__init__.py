"""The machine that measures: processor, caches, load, and what a GPU's driver tells."""
