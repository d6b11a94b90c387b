"""The one gate for connections: every socket of `harness` is opened here, and nowhere else.

Where it may lead says a `Reach` (`harness.core.target_guard`): loopback, and what the target file lists. Whoever has
none gets a gate to loopback alone. An import-linter contract and `tests/egress/test_only_way_out.py` hold the rest of
the package to it; listeners and the machine's own echo are the exceptions, listed there with their reasons.
"""
