"""The app's calls: the catalogue, header profiles, who tries again, from a reply to its outcome, shapes of replies.

Pure data and functions, but for `client.py`, which sends: it alone here imports `harness.client.http`, `notes`, `clock`
and `network_state`. The others import harness.core and each other.
"""
