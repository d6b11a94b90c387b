"""What the operational manual watches of the database (manual 9.2), as rules over postgres_exporter's metrics. (pure)

Connections near their limit, sudden writes, time spent listing Realtime changes. The last needs the exporter's
`--collector.stat_statements` with `--collector.stat_statements.include_query`.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.slo import DatabaseLimits

CONNECTION_SHARE = 0.8
LIST_CHANGES_SHARE = 0.2
"""Where the SLO file does not say: as `reports.database.gates`."""
WRITE_FACTOR = 3
"""So many times the day's average is sudden."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A recorded series, or an alert on one where `for_` says how long it has to hold."""

    name: str
    expr: str
    for_: str = ""
    severity: str = ""
    summary: str = ""
    look_at: str = ""


def rules(limits: DatabaseLimits | None) -> list[Rule]:
    """Recorded series first. Limits of the SLO file where it has some."""
    connections = (limits.connection_share if limits else None) or CONNECTION_SHARE
    listing = (limits.list_changes_share if limits else None) or LIST_CHANGES_SHARE
    spent = "rate(pg_stat_statements_seconds_total[10m])"
    named = 'max by (queryid) (pg_stat_statements_query_id{query=~".*list_changes.*"})'
    written = " + ".join(f"sum(rate(pg_stat_database_tup_{verb}[5m]))" for verb in ("inserted", "updated", "deleted"))
    return [
        Rule("db:connections:share", "sum(pg_stat_database_numbackends) / max(pg_settings_max_connections)"),
        Rule("db:rows_written:rate5m", written),
        Rule("db:list_changes:share", f"sum({spent} * on (queryid) group_left () {named}) / sum({spent})"),
        Rule(
            "DatabaseConnectionsNearLimit",
            f"db:connections:share > {connections:g}",
            "5m",
            "page",
            f"more than {connections * 100:g} % of the database's connections are in use",
            "who holds them: pg_stat_activity by application_name and state; pooler limits",
        ),
        Rule(
            "DatabaseWriteSpike",
            f"db:rows_written:rate5m > {WRITE_FACTOR} * avg_over_time(db:rows_written:rate5m[1d])",
            "10m",
            "ticket",
            f"{WRITE_FACTOR} times as many rows are written as on the day's average",
            "manual 11, database writes: is the client batching, do keys conflict, log fewer event types",
        ),
        Rule(
            "RealtimeListChangesDominates",
            f"db:list_changes:share > {listing:g}",
            "10m",
            "ticket",
            f"more than {listing * 100:g} % of the time of all statements goes to listing Realtime changes",
            "manual 11: leaked subscriptions; presence and typing to broadcast; narrower filters",
        ),
    ]
