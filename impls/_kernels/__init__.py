"""Blocks of work that stay in registers, written in LLVM's vector instructions.

vector.py    the instructions, and how many rows and vectors a block has
pointers.py  how a block is told where its operands lie
products.py  matrix products: C = A·B
gather.py    the same with the rows of A gathered from an array by two tables
taps.py      the same with the rows of B overlapping in an array: sums of shifted copies
panels.py    a matrix times a vector
spectra.py   complex products, one frequency in each lane
copies.py    copies: as they are, even and odd columns apart or joined, rows and columns swapped

A block takes pointers and sizes in elements, and checks nothing, as in C.
"""
