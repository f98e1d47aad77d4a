"""Matrix products and copies of any size, from vectors and blocks that fit into registers."""

from __future__ import annotations

from numba import njit

from impls._kernels.copies import transpose
from impls._kernels.products import CHAIN, block_product
from impls._kernels.vector import BLOCK_ROWS, BLOCK_VECTORS, CACHE_LINE_BYTES

_block_1 = block_product(1, BLOCK_VECTORS)
_block_2 = block_product(2, BLOCK_VECTORS)
_block_3 = block_product(3, BLOCK_VECTORS)
_block_4 = block_product(4, BLOCK_VECTORS)
_block_5 = block_product(5, BLOCK_VECTORS)
_block_6 = block_product(6, BLOCK_VECTORS)


@njit(cache=True)
def multiply_block(
    rows, c, c_at, c_row, a, a_at, a_row, b, b_at, b_step, depth, keep, next_at, lines
):
    """Multiply a block of 1 to 6 rows; the arguments are those of `block_product`."""
    if rows == 6:
        _block_6(c, c_at, c_row, a, a_at, a_row, b, b_at, b_step, depth, keep, next_at, lines)
    elif rows == 5:
        _block_5(c, c_at, c_row, a, a_at, a_row, b, b_at, b_step, depth, keep, next_at, lines)
    elif rows == 4:
        _block_4(c, c_at, c_row, a, a_at, a_row, b, b_at, b_step, depth, keep, next_at, lines)
    elif rows == 3:
        _block_3(c, c_at, c_row, a, a_at, a_row, b, b_at, b_step, depth, keep, next_at, lines)
    elif rows == 2:
        _block_2(c, c_at, c_row, a, a_at, a_row, b, b_at, b_step, depth, keep, next_at, lines)
    elif rows == 1:
        _block_1(c, c_at, c_row, a, a_at, a_row, b, b_at, b_step, depth, keep, next_at, lines)


@njit(cache=True)
def multiply_rows(rows, c, c_at, c_row, a, a_at, a_row, b, b_at, b_step, depth, keep):
    """Multiply any number of rows, divided evenly: 13 rows as 5 + 4 + 4, not as 6 + 6 + 1.

    The matrix that follows b in memory is taken to be the next one to multiply by. It comes into
    the cache meanwhile, a share with every chain: else its first block of rows would wait for it.
    """
    if rows == 0:
        return
    blocks = (rows + BLOCK_ROWS - 1) // BLOCK_ROWS
    chains = (depth + CHAIN - 1) // CHAIN
    line = CACHE_LINE_BYTES // b.itemsize
    size = depth * b_step
    lines = -(-size // (blocks * chains * line))
    for block in range(blocks):
        first = rows * block // blocks
        count = rows * (block + 1) // blocks - first
        multiply_block(
            *(count, c, c_at + first * c_row, c_row, a, a_at + first * a_row, a_row),
            *(b, b_at, b_step, depth, keep, b_at + size + block * chains * lines * line, lines),
        )


@njit(cache=True)
def copy_transposed(y, y_at, y_row, x, x_at, x_row, rows, columns, lanes):
    """Copy x[i][j] to y[j][i], in squares if one fits; the last ones overlap those before them."""
    if rows < lanes or columns < lanes:
        for i in range(rows):
            for j in range(columns):
                y[y_at + j * y_row + i] = x[x_at + i * x_row + j]
        return
    i = 0
    # `while`, as a `range` with a step that is no constant costs a division.
    while i < rows:
        i = min(i, rows - lanes)
        j = 0
        while j < columns:
            j = min(j, columns - lanes)
            transpose(y, y_at + j * y_row + i, y_row, x, x_at + i * x_row + j, x_row)
            j += lanes
        i += lanes
