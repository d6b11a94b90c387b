"""What the runs of a capacity search mean: each run as a step, what gave way, the answer, its page."""
