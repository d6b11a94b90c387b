"""A target whose delays are known, and the ways `truth.py` puts load on it."""
