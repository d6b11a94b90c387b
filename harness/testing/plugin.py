"""A pytest plugin: a run of the harness is a test of your own suite.

    import pytest

    @pytest.mark.harness("smoke", target="staging.toml")
    def test_a_minute_of_everything(harness_run):
        harness_run.check()
        assert harness_run.slo("Home feed, server")["value"] < 300

Tests whose marks say the same share one run. Loaded by itself where the harness is installed; `-m "not harness"` leaves
such tests out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.testing.run import HarnessRun, NoRun, carry_out

TIMEOUT_S = 900.0
_OPTIONS = ("target", "url", "slo", "scale", "seed", "history")
"""What the mark takes by name, as `harness run` does; everything else comes in `options`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness", "MoviNesta harness")
    group.addoption("--harness-out", metavar="DIR", help="Keep runs here; by default in pytest's temporary folder.")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "harness(profile='smoke', *, target, url, slo, scale, seed, history, options=(), timeout_s=900): "
        "the run that the fixture harness_run makes",
    )


@pytest.fixture(scope="session")
def _harness_runs() -> dict[tuple[str, ...], HarnessRun | NoRun]:
    """Runs of this session, by what was asked for."""
    return {}


@pytest.fixture
def harness_run(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    _harness_runs: dict[tuple[str, ...], HarnessRun | NoRun],
) -> HarnessRun:
    """The finished run that the test's `harness` mark asks for; without one, `harness run smoke`."""
    profile, options, timeout_s = _asked(request.node.get_closest_marker("harness"))
    key = (profile, *options)
    if key not in _harness_runs:
        kept = request.config.getoption("--harness-out")
        out = Path(kept) / f"pytest-{len(_harness_runs)}" if kept else tmp_path_factory.mktemp("harness") / "runs"
        if kept and any(out.glob("*")):
            pytest.fail(f"{out} holds earlier runs; name another folder with --harness-out", pytrace=False)
        try:
            _harness_runs[key] = carry_out(profile, options, out, timeout_s)
        except NoRun as error:
            _harness_runs[key] = error
    found = _harness_runs[key]
    if isinstance(found, NoRun):
        pytest.fail(str(found), pytrace=False)
    return found


def _asked(mark: pytest.Mark | None) -> tuple[str, Sequence[str], float]:
    """Profile, options of the command line, seconds. Fails the test where the mark cannot be understood."""
    if mark is None:
        return "smoke", (), TIMEOUT_S
    given: dict[str, Any] = dict(mark.kwargs)
    names = [str(one) for one in mark.args]
    if "profile" in given:
        names.append(str(given.pop("profile")))
    if len(names) > 1:
        pytest.fail(f"the harness mark names {len(names)} profiles; one run has one", pytrace=False)
    timeout_s = float(given.pop("timeout_s", TIMEOUT_S))
    more = [str(one) for one in given.pop("options", ())]
    unknown = sorted(set(given) - set(_OPTIONS))
    if unknown:
        pytest.fail(f"the harness mark does not know {', '.join(unknown)}; use options=[...]", pytrace=False)
    named = [part for name in _OPTIONS if name in given for part in (f"--{name}", str(given[name]))]
    return names[0] if names else "smoke", [*named, *more], timeout_s
