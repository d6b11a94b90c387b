"""Runs a rehearsal: plan -> arrivals -> phones -> record."""

__version__ = "0.1.0"
