"""Blocks of work that stay in registers, written in LLVM's vector instructions."""
