"""Convolution that can be seen: a photograph, filtered by every implementation."""
