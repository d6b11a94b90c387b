"""A target that answers from what a sandbox answered: light enough that a benchmark measures the generator alone."""
