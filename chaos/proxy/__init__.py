"""The fault-injecting proxy: a process of its own that speaks Toxiproxy's HTTP API.

`python -m chaos.proxy`, or `harness chaos proxy`. docs/chaos-proxy.md is its manual.

What belongs here: sockets and bytes (`proxy`, `session`, `endpoint`, `pipe`, `http_session`, which know each other by
`ports`), the API (`api`, `bodies`, `errors`) over all proxies (`proxy_collection`), leases, journal, log, and the
process (`command`, `options`, `process`, `server`). Not faults: the proxy carries out whatever `chaos.faults` has.
"""
