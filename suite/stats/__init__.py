"""Statistics: numbers in, numbers out. Nothing here knows what a convolution is."""
