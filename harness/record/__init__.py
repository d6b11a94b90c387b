"""The measurements on their way to disk and back: buckets, recorder, roster, run directory, and the run's log.

May import core alone. What the measurements mean is said in reports.
"""
