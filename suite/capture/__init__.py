"""A user's own network as a scenario file: run it once, keep each convolution that it executes.

MODULE:CALLABLE ─► capturing ⇄ process (loads the model, runs it) ─► scenarios
                                 └─ recorder (notes the convolutions)
"""

from suite.capture.capturing import Captured, Target, TooSlow, as_id, capture, parse_input

__all__ = ["Captured", "Target", "TooSlow", "as_id", "capture", "parse_input"]
