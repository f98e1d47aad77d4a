"""Mistakes that people make in convolutions, and which edge shape finds each of them."""
