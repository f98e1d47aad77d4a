"""Sums over tiles of the input that serve all phases of a transposed convolution's stride."""
