"""The promises of an SLO file as alerts of a running system: Prometheus rules and OpenSLO documents.

`queries` says what counts as bad, `burn_rates` when that is an alert, `prometheus` and `open_slo` write it down,
`database` has what the operational manual watches beside. Imports core alone.
"""
