"""Print every mutant with the first edge shape and kind of input that refuses it.

python -m tests.studies.mutants
"""

from __future__ import annotations

import sys

from tests.studies.mutants.judging import refusals
from tests.studies.mutants.mistakes import mutants, row_of


def main() -> int:
    everyone = {"(nothing changed)": row_of("(nothing changed)")}
    everyone |= {mutant.name: row_of(mutant.name, mutant.text) for mutant in mutants()}
    refused = refusals(everyone.values())
    for name in everyone:
        where = refused.get(name)
        told = f"{where.scenario.partition('/')[2]}, {where.kind}" if where else "passes"
        print(f"{name:66s} {told}")
    print(f"{len(refused)} of {len(everyone) - 1} mutants are refused")
    return 0 if len(refused) == len(everyone) - 1 and "(nothing changed)" not in refused else 1


if __name__ == "__main__":
    sys.exit(main())
