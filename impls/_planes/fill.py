"""Padded planes, split into the phases that stride makes."""

from __future__ import annotations

from impls._kernels.copies import copy_rows, split_rows
from impls._kernels.pointers import View, at
from impls._numba import inlined


@inlined
def fill_planes(plan, channels, planes, x, row_phases, column_phases):
    """Copy channels from the pointer x into their phases at `planes`; the zeros around them stay.

    A row of `row_phases` is one phase: first input row, number of rows, place of the first; so
    for the columns.
    """
    x_row = plan.stride_h * plan.in_w
    for c in range(channels):
        for a in range(plan.stride_h):
            first, rows, offset = row_phases[a, 0], row_phases[a, 1], row_phases[a, 2]
            source = View(at(x, (c * plan.in_h + first) * plan.in_w), x_row)
            to = c * plan.plane + offset
            if plan.stride_w == 1:
                target = View(at(planes, to + column_phases[0, 2]), plan.pitch)
                copy_rows(target, source, rows, plan.in_w)
            elif plan.stride_w == 2:
                even = column_phases[0, 0]  # the phase that the first column falls into
                evens = View(at(planes, to + column_phases[even, 2]), plan.pitch)
                odds = View(at(planes, to + column_phases[1 - even, 2]), plan.pitch)
                split_rows(evens, odds, source, rows, plan.in_w)
            else:
                for b in range(plan.stride_w):
                    column, columns, shift = column_phases[b]
                    for i in range(rows):
                        for j in range(columns):
                            element = i * x_row + column + j * plan.stride_w
                            planes[to + shift + i * plan.pitch + j] = source.start[element]
