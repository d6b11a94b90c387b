"""Runs as tests of somebody's own pytest suite: `plugin` is the pytest plugin, `run` what a test gets."""
