"""A populated MoviNesta from one number: catalogue, people, who follows whom, conversations, diaries, swipes."""

from sandbox.seed.plan import SeedPerson, SeedPlan, SeedSummary
from sandbox.seed.writer import already_seeded, seed

__all__ = ["SeedPerson", "SeedPlan", "SeedSummary", "already_seeded", "seed"]
