"""The fault-injecting proxy: a process of its own that speaks Toxiproxy's HTTP API.

`python -m chaos.proxy`, or `harness chaos proxy`. docs/chaos-proxy.md is its manual.
"""
