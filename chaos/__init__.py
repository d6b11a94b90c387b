"""What goes wrong: faults, the timeline of a run's faults, and the proxy. Stands on nothing else of ours.

Here, pure but for `client` and `toolkit`: what a fault is (`fault`), the bases of its four layers (`phone_fault`,
`http_fault`, `byte_faults`, `frames`), when and where faults are scheduled (`timeline`), models of networks
(`network_model`), parsing of HTTP/1.1 (`http1`); and how a proxy is driven from elsewhere (`client`, `toolkit`). One
fault a file is in `faults`, the proxy's process in `proxy`. docs/chaos.md has the words.
"""
