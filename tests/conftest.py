"""For all tests: property tests have no time limit per example, because the machine is shared and small."""

from hypothesis import settings

settings.register_profile("harness", deadline=None)
settings.load_profile("harness")
