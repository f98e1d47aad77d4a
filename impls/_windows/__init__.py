"""Sums over windows that are read by address: convolution with many channels a group."""
