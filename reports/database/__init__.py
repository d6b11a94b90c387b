"""What the target's database said of itself while the run went on, and whether that keeps the manual's limits.

`stretch` cuts one stretch out of the counters, `model` is what the renderers show, `figures` computes
it, `gates` judges.
"""
