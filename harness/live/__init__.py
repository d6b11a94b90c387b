"""What a run looks like while it goes on, from counts alone: SLO margins so far, sessions, sockets, health, faults.

`state` takes in what the workers report, and once a second makes a `snapshot` of it; `families` turns one into metrics,
which `exposition` writes for Prometheus and `otlp` for OpenTelemetry. Pages and senders are elsewhere, and thin.
"""
