"""What the generator's machine gave it: told in rows, suspect beyond the stated bounds, never a veto."""

from __future__ import annotations

from typing import Any

import pytest

from harness.core.errors import ExitCode
from reports import health
from reports.frames import load
from reports.health_row import HealthRow
from reports.verdict import judge
from tests.reports import build

CHECKS = {
    "CPU steal",
    "machine CPU",
    "waiting for a core",
    "CPU quota",
    "garbage collection",
    "descriptors",
    "local ports",
    "send backlog",
    "memory",
}
TOLD_BY_THE_SYSTEM = (
    "descriptor_limit",
    "wait_share",
    "steal_share",
    "throttled_share",
    "machine_share",
    "gc_us",
    "gc_max_us",
    "ports",
    "port_limit",
    "backlog_bytes",
)


def rows(run: build.Run) -> dict[str, HealthRow]:
    return {row.check: row for row in health.judge(load(run)) if row.check in CHECKS}


def with_second(at: int, *, workers: int = 1, **columns: object) -> build.Run:
    run = build.realistic()
    if workers > 1:
        run.seconds += [row | {"worker": worker} for worker in range(1, workers) for row in list(run.seconds)]
    for row in run.seconds:
        if row["second"] == at and row["worker"] == workers - 1:
            row.update(columns)
    return run


def test_every_recorded_resource_has_a_row_and_nothing_is_left_unchecked() -> None:
    run = build.realistic()
    assert rows(run).keys() == CHECKS
    assert {row.level for row in rows(run).values()} == {"valid"}
    assert health.not_checked(load(run)) == ()
    assert not any("generator" in line for line in judge(run).not_checked)


@pytest.mark.parametrize(
    ("check", "column", "value", "said"),
    [
        ("CPU steal", "steal_share", 0.4, "worst second 40 %"),
        ("machine CPU", "machine_share", 0.97, "worst second 97 %"),
        ("waiting for a core", "wait_share", 0.3, "worst second 30 %"),
        ("CPU quota", "throttled_share", 0.25, "held back by a CPU quota in 1 second, for 25 % of the worst one"),
        ("local ports", "ports", 28_000, "28,000 of 28,232 at most"),
        ("send backlog", "backlog_bytes", 5 << 20, "5 MiB unsent at most"),
        ("memory", "rss_bytes", 700 << 20, "700 MiB at most"),
    ],
)
def test_what_has_no_stated_bound_informs(check: str, column: str, value: float, said: str) -> None:
    changed: dict[str, Any] = {column: value}
    found = rows(with_second(build.START + 5, **changed))[check]
    assert said in found.value
    assert (found.level, found.bound) == ("valid", "informs only")


@pytest.mark.parametrize(("used", "level"), [(16_000, "valid"), (16_001, "suspect")])
def test_descriptors_leave_a_fifth_of_the_limit_free(used: int, level: str) -> None:
    found = rows(with_second(build.START + 5, descriptors=used))["descriptors"]
    assert found.level == level
    assert found.value == f"{used:,} of 20,000 at most"


@pytest.mark.parametrize(("pause_us", "level"), [(20_000, "valid"), (20_600, "suspect")])
def test_a_collection_is_no_longer_than_the_lag_that_is_a_veto(pause_us: int, level: str) -> None:
    found = rows(with_second(build.START + 5, gc_max_us=pause_us))["garbage collection"]
    assert found.level == level
    assert f"longest pause {pause_us / 1000:g} ms" in found.value


def test_suspect_rows_say_why_and_what_to_do_and_change_no_exit_code() -> None:
    run = with_second(build.START + 5, gc_max_us=90_000, descriptors=19_999, steal_share=0.9, throttled_share=0.9)
    suspects = [row for row in rows(run).values() if row.level != "valid"]
    assert {row.check for row in suspects} == {"garbage collection", "descriptors"}
    assert all(row.level == "suspect" and row.reason and row.remedy for row in suspects)
    assert judge(run).exit_code == judge(build.realistic()).exit_code == ExitCode.PASS


@pytest.mark.parametrize("second", [build.START - 1, build.END])
def test_only_the_measure_phase_counts(second: int) -> None:
    assert rows(with_second(second, gc_max_us=90_000, descriptors=19_999)) == rows(build.realistic())


def test_with_several_workers_the_worst_one_is_named() -> None:
    found = rows(with_second(build.START + 5, workers=3, descriptors=17_000))["descriptors"]
    assert found.value == "17,000 of 20,000 at most (worker 2)"


def test_what_no_second_tells_is_said_to_be_unchecked() -> None:
    run = build.realistic()
    for row in run.seconds:
        row.update(dict.fromkeys(TOLD_BY_THE_SYSTEM))
    assert rows(run).keys() == {"memory"}
    (line,) = (line for line in judge(run).not_checked if "generator" in line)
    assert "CPU steal" in line
    assert "garbage collection" in line
    assert "memory" not in line


def test_a_record_without_health_rows_says_that_nothing_of_it_was_checked() -> None:
    run = build.realistic()
    run.seconds = []
    assert rows(run) == {}
    (line,) = health.not_checked(load(run))
    assert "memory" in line
