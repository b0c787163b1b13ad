"""Vectors of the betting mathematics beyond the reference file, answered from the definitions
alone.

Nothing here imports Keter: 40-digit decimals with bisection, exact fractions, and counting. Each
function gives vectors of some categories, drawn from a seeded generator; ``refusals`` are inputs
that must be refused by name.
"""

import random
from decimal import localcontext

from tests.vector_oracle.chances import Vector, devig, formats, goal_models, kellies, settlements
from tests.vector_oracle.stakes import analytics, exchanges, refusals


def vectors(seed: int) -> list[Vector]:
    """Return some 1,400 vectors in the format of ``scripts/check-vectors``."""
    rng = random.Random(seed)
    with localcontext() as context:
        context.prec = 40
        parts = (devig, formats, settlements, goal_models, kellies, exchanges, analytics)
        return [one for part in parts for one in part(rng)] + refusals()
