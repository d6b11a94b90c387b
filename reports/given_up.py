"""Whether a run was ended for its generator's sake. (pure)"""

from __future__ import annotations

from harness.record.manifest import Manifest

RULE, GENERATOR = "abort rule:", "generator"


def by_a_rule(manifest: Manifest) -> bool:
    """An abort rule of the profile ended it."""
    return manifest.status != "complete" and manifest.abort_reason.startswith(RULE)


def for_the_generator(manifest: Manifest) -> bool:
    """That rule was about the generator: the run says nothing of its target."""
    return by_a_rule(manifest) and GENERATOR in manifest.abort_reason
