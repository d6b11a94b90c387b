"""An SLO file that no machine misses, however busy it is: for tests that ask something else of a run."""

from __future__ import annotations

from pathlib import Path

from tests.runs.conftest import BRIEF_SLO

LIMITS = ("limit_ms = 15000", "limit_ms = 20000", "server_ms = 15000", "e2e_ms = 20000")


def patient_slos(folder: Path) -> Path:
    """That of the brief profile with limits out of reach, in `folder`."""
    text = BRIEF_SLO.read_text(encoding="utf-8").replace("max_share = 0.05", "max_share = 0.9")
    for limit in LIMITS:
        assert limit in text
        text = text.replace(limit, limit.partition("=")[0] + "= 600000")
    path = folder / "patient-slo.toml"
    path.write_text(text.replace("[catch_all]", "[catch_all]\nfailure_share = 0.9"), encoding="utf-8")
    return path
