"""Thundering herds: how high a second's peak stands over the mean, and the jitter that would mend it."""
