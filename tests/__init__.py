"""Tests of ConvGauge. They import the tree by plain names, which are those of no second tree."""

from convgauge.suite.own_imports import lend_plain_names

lend_plain_names()
