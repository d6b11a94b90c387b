"""The plan's busiest hour as `harness run` makes it, against a replay of a sandbox on this machine."""
