"""Sums of shifted planes: convolution with few channels a group."""
