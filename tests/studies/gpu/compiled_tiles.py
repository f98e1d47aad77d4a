"""What triton_igemm becomes on a card that is not here: its machine code, tile by tile.

    python -m tests.studies.gpu.compiled_tiles [--capability 90] [--dtype fp16]

Triton compiles for a card by its compute capability alone, and its package holds NVIDIA's
assembler and disassembler. So it can be told without a card whether loads are as wide as they
should be, whether tensor cores are used, whether registers spill, and what the loop costs besides
products: issue slots over tensor-core cycles; from 1 on the loop is bound by its own addresses.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from impls import triton_igemm

TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
MULTIPLY_ADDS_PER_CYCLE = {80: 1024, 90: 2048}
"""Of 16-bit numbers, dense, in one multiprocessor: A100's and H100's data sheets."""
SCHEDULERS = 4
DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
USUALLY_ONE = ("dilation_h", "dilation_w", "groups")
"""Arguments that are 1 become constants when Triton compiles."""
MULTIPLES_OF_16 = ("x", "w", "b", "y", "C", "K")
FLAGS = {"HAS_BIAS": False, "ALIGNED": True, "EXTENT": triton_igemm.MOST_EXTENT}


@dataclass(frozen=True)
class Compiled:
    """One tile's code."""

    ptx: str
    shared_bytes: int
    registers: int
    spilled_bytes: int
    loop: tuple[str, ...]
    """Instructions of the loop around the products."""

    @property
    def wide_loads(self) -> int:
        return self.ptx.count("cp.async.cg.shared.global")

    @property
    def narrow_loads(self) -> int:
        return len(re.findall(r"ld\.global\.b(?:8|16|32)\b|cp\.async\.ca", self.ptx))

    @property
    def uses_tensor_cores(self) -> bool:
        return "wgmma.mma_async" in self.ptx or "mma.sync" in self.ptx

    def issue_share(self, config: tuple[int, ...], capability: int) -> float:
        """Return the cycles that issuing the loop takes over those that its products take."""
        block_m, block_n, block_k, _, warps = config
        products = block_m * block_n * block_k / MULTIPLY_ADDS_PER_CYCLE[capability]
        return len(self.loop) * warps / SCHEDULERS / products


def compile_for(
    capability: int,
    config: tuple[int, ...],
    dtype: str = "fp16",
    *,
    aligned: bool = True,
    ones: tuple[str, ...] = USUALLY_ONE,
) -> Compiled:
    """Compile one tile for channels that are multiples of 16, and `ones` being 1."""
    block_m, block_n, block_k, stages, warps = config
    constants = {**FLAGS, "ALIGNED": aligned, **dict.fromkeys(ones, 1)}
    constants |= {"BLOCK_M": block_m, "BLOCK_N": block_n, "BLOCK_K": block_k}
    kernel = triton_igemm._kernel
    signature, values, facts = {}, {}, {}
    for place, name in enumerate(kernel.arg_names):
        if name in constants:
            signature[name], values[place,] = "constexpr", constants[name]
        else:
            signature[name] = f"*{dtype}" if name in ("x", "w", "b", "y") else "i32"
        if name in MULTIPLES_OF_16 and name not in constants:
            facts[place,] = [["tt.divisibility", 16]]
    made = triton.compile(
        ASTSource(fn=kernel, signature=signature, constexprs=values, attrs=facts),
        target=GPUTarget("cuda", capability, 32),
        options={"num_warps": warps, "num_stages": stages, "enable_fp_fusion": True},
    )
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "kernel.cubin"
        binary.write_bytes(made.asm["cubin"])
        usage = _said_by("cuobjdump", "-res-usage", binary)
        code = _said_by("nvdisasm", "-c", binary)
    found = {name: int(value) for name, value in re.findall(r"(REG|STACK):(\d+)", usage)}
    return Compiled(
        ptx=made.asm["ptx"],
        shared_bytes=made.metadata.shared,
        registers=found["REG"],
        spilled_bytes=found["STACK"],
        loop=_product_loop(code),
    )


def _said_by(tool: str, *words: object) -> str:
    return subprocess.run(
        [TOOLS / tool, *map(str, words)], capture_output=True, text=True, check=True
    ).stdout


def _product_loop(code: str) -> tuple[str, ...]:
    """Return the instructions from a backward branch's target to it, with products between."""
    labels: dict[str, int] = {}
    instructions: list[str] = []
    loops: list[list[str]] = []
    for line in code.splitlines():
        if label := re.match(r"\s*(\.L_\w+):", line):
            labels[label[1]] = len(instructions)
        elif instruction := re.search(r"/\*[0-9a-f]{4,}\*/\s+(.*?);", line):
            instructions.append(instruction[1])
            branch = re.search(r"\bBRA\b.*\((\.L_\w+)\)", instruction[1])
            if branch and branch[1] in labels:
                loops.append(instructions[labels[branch[1]] :])
    return tuple(min((loop for loop in loops if "MMA" in " ".join(loop)), key=len, default=()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--capability", type=int, choices=MULTIPLY_ADDS_PER_CYCLE, default=90)
    parser.add_argument("--dtype", choices=DTYPES, default="fp16")
    options = parser.parse_args()
    print(f"Triton {triton.__version__}, compute capability {options.capability / 10}\n")
    print("| pixels × channels × step | warps | shared | registers | spilled | issue share |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for config in triton_igemm.configs_for(DTYPES[options.dtype]):
        tile = compile_for(options.capability, config, options.dtype)
        print(
            f"| {config[0]} × {config[1]} × {config[2]} | {config[4]} "
            f"| {tile.shared_bytes / 1024:.0f} KiB | {tile.registers} | {tile.spilled_bytes} B "
            f"| {tile.issue_share(config, options.capability):.2f} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
