"""The implementations: one algorithm family per file, none of which imports another.

A file without a leading underscore registers what it defines when it is imported; importing
computes nothing. Files and folders with one are shared helpers.

A reading map, from the definition to the fast rows. Each step changes one thing.

The definition, and what a compiler makes of it

    loops.py            five Python loops: the definition, runnable; then one list of taps
    loops_numba.py      the same loops compiled, then on all threads

Other ways to write the sum, in a page of torch each

    im2col.py           copy every window into a column: one matrix product does the work
    gemm.py             matrix products on the tensors as they lie, nothing copied
    shifts.py           depthwise: the whole input shifted once for each tap
    separable.py        a kernel of low rank as a pass down and a pass along
    fft.py              the convolution theorem: products of spectra
    _kernel_spectra.py  a kernel's spectra from its taps, a few at a time, and their products
    winograd.py         fewer multiplications for small kernels, in a dozen lines
    _winograd/cook_toom.py  where Winograd's three matrices come from, in exact fractions
    transposed.py       transposed convolution: the definition, columns added up, phases

What a fast row is made of: sums in registers, the data they read in caches

    _kernels/vector.py      vector instructions; how many rows and vectors a register block has
    _kernels/pointers.py    how a block is told where its operands lie
    _kernels/products.py    the block that everything turns on: C = A·B
    _numba.py               compiled loops, a range in even parts
    _openmp.py              torch's own threads, set to work by compiled code
    _parallel.py            a compiled function of which every thread runs its share
    _launch.py              its arguments laid out beforehand: a call says where its tensors lie
    _packing.py             reordering a weight once: what `prepare=` returns, what it refuses

The fast rows, each with the parts that it is made of

    loops_blocked.py    the loops of the first step in blocks: read it beside loops_numba.py
        _planes/plan.py     rows joined, phases of a stride: any convolution as shifted sums
        _planes/fill.py     the input copied into that order
        _kernels/taps.py    the block: sums of shifted copies
    depthwise.py        few channels a group: the same sums, four output rows at once
        _planes/sums.py     the loops over planes, rows and channels
    direct_packed.py    many channels: windows read by address, output channels in the lanes
        _windows/plan.py    items of work, and the two tables that know of kernel and stride
        _windows/sums.py    the loops over items
        _kernels/gather.py  the block: a product whose first matrix is gathered
    winograd_blocked.py Winograd in bands of tiles that stay in the cache
        _winograd/plan.py   bands, chunks and panels, and where things lie
        _winograd/bands.py  the three phases, one band after the other
        _winograd/tiles.py  which tiles serve which kernels
        _winograd/transforms.py  the matrices' zeros, ones and mirrored rows as code
        _winograd/calls.py  what a call of one, two or three axes does
        _winograd/volumes.py  slices transformed once, products summed over depth
    phases_packed.py    transposed: all phases of a stride from one tile of the input
        _phases/plan.py     tiles, the taps of each phase, and where things lie
        _phases/sums.py     the loops over tiles, channels and phases
    fft_packed.py       FFT in tiles of a size chosen by cost
        _spectra.py         the product for every frequency
        _kernels/spectra.py the block: complex products
    depthwise_short.py  a few taps along a sequence, at the memory's speed
        _kernels/streams.py the blocks: weights in registers, the sequence streaming by
    fft_sequence.py     filters as long as a sequence, a few channels at a time
        _sequence/plan.py   a transform that needs no complex input; tiles chosen by cost
        _sequence/sums.py   tiles taken apart depth first
        _kernels/butterflies.py  the blocks: polynomials modulo their factors
    gemv.py             one pixel: what is left when there is nothing to sum over
        _kernels/panels.py  the block: a panel times a vector
    auto.py             the fastest of them all for the problem at hand, chosen beforehand

Other people's code behind the same signature

    vendor.py           torch's own, oneDNN, XNNPACK, NNPACK
    engines.py          inference engines, a model of one convolution each (_engine.py, _onnx.py)
    engines_2d.py       those that are here for two axes alone
    compiled.py         torch.compile
    cudnn.py            cuDNN as torch calls it; cudnn_plans.py: each of its plans, a row each
    triton_igemm.py     implicit GEMM for GPUs, our own, in Triton

Of other kinds of problem: _axes.py (rows of two axes for one and three), _transposed.py (the
phases of a stride as convolutions; _interleave.py: copied to their places).

Shared by all: _arguments.py (what every row does with conv2d's arguments), _fourier.py (lengths
that an FFT likes), _kernels/copies.py (rows copied, split, transposed), _kernels/finish.py (the
activation or sum that follows, on rows that the first cache still has), _bands.py (the same after
torch's matrix products).
"""
