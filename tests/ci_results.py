"""What `.ci/run` does with its several pytest runs: record each, ask again what failed, close with one summary of all.

A pytest plugin, loaded by `-p tests.ci_results`:

    --record FILE     write down every test report of this run, as JSON lines, and with which status it ended
    --closing FOLDER  run nothing: report what the files of FOLDER hold, each test once, as pytest's own summary

A step that is no test run and failed has left `NAME.problem` in that folder: its text is a failure of the summary.

Also `python -m tests.ci_results FOLDER`, which names the tests that failed and may be asked again, a line each.

A test that was asked twice counts by its second answer if `tests/asked-again.toml` names it, with a reason and a date;
any other one fails, and so does an entry of that file whose date has passed.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

TRACKED = Path(__file__).with_name("asked-again.toml")
AGAIN = "again.jsonl"
"""The file with the second answers; the others are read first, in the order of their names."""
MOST_AGAIN = 20
"""When more fail than this, something is broken and asking again only takes time."""
USUAL = frozenset((pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED))


# ---- recording ------------------------------------------------------------------------------------------------------


class Recording:
    """Writes down what is reported, where the workers' reports come together."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config = config
        self._file = path.open("w", encoding="utf-8")

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        data.pop("node", None)  # xdist's worker, which is none outside that run
        self._line({"report": data})

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self._line({"status": int(exitstatus)})
        self._file.close()

    def _line(self, data: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(data, default=str) + "\n")
        self._file.flush()


# ---- reading --------------------------------------------------------------------------------------------------------


@dataclass
class Answers:
    """One recorded run: the reports of each test in its order, and the status that pytest ended with."""

    name: str
    reports: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    status: int | None = None  # None: it never ended

    def failed(self) -> list[str]:
        """Tests of which anything failed: setting up, the test itself, or cleaning up."""
        return [test for test, reports in self.reports.items() if _failed(reports)]


def read(path: Path) -> Answers:
    """A file that `--record` wrote; one that is not there has no answers and no status."""
    found = Answers(path.stem)
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        data = json.loads(line)
        if "status" in data:
            found.status = data["status"]
        else:
            found.reports.setdefault(data["report"]["nodeid"], []).append(data["report"])
    return found


def read_all(folder: Path) -> tuple[list[Answers], Answers]:
    """The first answers, and the second ones."""
    return [read(path) for path in sorted(folder.glob("*.jsonl")) if path.name != AGAIN], read(folder / AGAIN)


def problems(folder: Path) -> dict[str, str]:
    """What steps that are no test runs said when they failed, by step."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.problem"))}


def _failed(reports: Iterable[Mapping[str, Any]]) -> bool:
    return any(report["outcome"] == "failed" for report in reports)


@dataclass(frozen=True)
class Tracked:
    """A test that may be asked again, until a date."""

    id: str
    reason: str
    until: date

    def covers(self, test: str) -> bool:
        return test == self.id or test.startswith(f"{self.id}[")


def tracked(path: Path = TRACKED) -> list[Tracked]:
    """:raises KeyError, TypeError: an entry without test, reason or date."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("test", [])
    return [Tracked(**entry) for entry in entries]


# ---- closing --------------------------------------------------------------------------------------------------------


@dataclass
class Closing:
    """One answer for each test, and what was asked twice."""

    reports: list[dict[str, Any]] = field(default_factory=list)
    as_tracked: list[str] = field(default_factory=list)
    not_tracked: list[str] = field(default_factory=list)  # asked twice, good at last, and failed for it
    still_failing: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)  # place -> what is wrong with the runs or the list


def close(first: list[Answers], again: Answers, known: list[Tracked], today: date) -> Closing:
    """Put the runs together."""
    found = Closing()
    if not first:
        found.problems["no-results"] = "no test run left any results"
    for run in first:
        if run.status not in USUAL:
            found.problems[run.name] = (
                f"pytest ended with {run.status}: interrupted, or not all tests could be collected"
            )
        for test, reports in run.reports.items():
            found.reports += _answer(test, reports, again, known, found)
    if again.reports and again.status not in USUAL:
        found.problems[again.name] = f"asking again, pytest ended with {again.status}"
    for entry in known:
        if entry.until < today:
            found.problems[f"{TRACKED.name}::{entry.id}"] = f"was to be mended by {entry.until}: {entry.reason}"
    return found


def _answer(
    test: str, reports: list[dict[str, Any]], again: Answers, known: list[Tracked], found: Closing
) -> list[dict[str, Any]]:
    """The reports that count for a test."""
    second = again.reports.get(test)
    if not _failed(reports) or second is None:
        return reports
    if _failed(second):
        found.still_failing.append(test)
        return second
    if any(entry.covers(test) for entry in known):
        found.as_tracked.append(test)
        return second
    found.not_tracked.append(test)
    return reports


class Summary:
    """Reports the recorded tests instead of running any."""

    def __init__(self, folder: Path, today: date) -> None:
        self._closing = close(*read_all(folder), tracked(), today)
        self._closing.problems |= problems(folder)

    def pytest_collection(self) -> bool:
        return True

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        hook = session.config.hook
        tests = {report["nodeid"] for report in self._closing.reports}
        for data in self._closing.reports:
            hook.pytest_runtest_logreport(
                report=hook.pytest_report_from_serializable(config=session.config, data=_as_it_was(data))
            )
        for place, problem in self._closing.problems.items():
            hook.pytest_runtest_logreport(report=_problem(place, problem))
        session.testscollected = len(tests) + len(self._closing.problems)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport, config: pytest.Config) -> Any:
        """As usual, without a dot for each of thousands: they were shown as they ran."""
        hook = config.pluginmanager.subset_hook_caller("pytest_report_teststatus", [self])
        category, _, word = hook(report=report, config=config)
        return category, "", "" if report.passed else word

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        found = self._closing
        twice = len(found.as_tracked) + len(found.not_tracked) + len(found.still_failing)
        terminalreporter.section("asked twice")
        for words, tests in (
            (f"as {TRACKED.name} has it", found.as_tracked),
            (f"good at last, but not in {TRACKED.name}: fails", found.not_tracked),
            ("failed again", found.still_failing),
        ):
            for test in tests:
                terminalreporter.write_line(f"{words}: {test}")
        terminalreporter.write_line(
            f"{twice} tests were asked twice: {len(found.as_tracked)} tracked, {len(found.not_tracked)} not tracked, "
            f"{len(found.still_failing)} failed again"
        )


def _as_it_was(data: dict[str, Any]) -> dict[str, Any]:
    """Where a skipped test stands, and why, is a tuple to pytest, and JSON knows lists alone."""
    told = data.get("longrepr")
    return {**data, "longrepr": tuple(told)} if isinstance(told, list) else data


def _problem(place: str, problem: str) -> pytest.TestReport:
    """A failure that belongs to no test."""
    location = (place, None, place)
    return pytest.TestReport(place, location, {}, "failed", problem, "call")


# ---- pytest and the command -----------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", metavar="FILE", type=Path, help="write every test report to this file")
    parser.addoption("--closing", metavar="FOLDER", type=Path, help="run nothing; sum up what was recorded there")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    if record := config.getoption("record"):
        config.pluginmanager.register(Recording(config, record))
    if closing := config.getoption("closing"):
        config.pluginmanager.register(Summary(closing, date.today()))


def main(folder: Path) -> int:
    """Print what is to be asked again."""
    first, _ = read_all(folder)
    failed = list(dict.fromkeys(test for run in first for test in run.failed()))
    if len(failed) <= MOST_AGAIN:
        sys.stdout.writelines(f"{test}\n" for test in failed)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
