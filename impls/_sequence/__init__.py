"""Long filters along a sequence, a transform of its own for each few channels."""
