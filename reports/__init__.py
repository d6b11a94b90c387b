"""What it meant: frames, SLOs, verdict, comparison, and one renderer a file."""
