"""The implementations: one algorithm family per file, none of which imports another.

A file without a leading underscore registers what it defines when it is imported; importing
computes nothing. Files with one are shared helpers.
"""
