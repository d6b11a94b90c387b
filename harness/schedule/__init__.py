"""The seeded open schedule of session starts, and the comparison that makes it one for all processes of a run.

Pure. May import core alone.
"""
