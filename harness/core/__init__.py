"""What every part of harness shares: profile, SLO, target, tables, outcomes, ids, errors, the run spec.

Pure: no I/O, no event loop, no Locust. May import chaos's faults and timeline, and nothing else of ours.
"""
