"""What Winograd's rows are made of: the matrices, the compiled transforms, the loops over bands."""
