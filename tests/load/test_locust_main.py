"""Options that lie about for somebody else's tests do not reach our runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOWS = """
from harness.load.locust_main import ignore_config_files
ignore_config_files()
from locust import argument_parser
options = argument_parser.get_parser().parse_args([])
argument_parser.parse_locustfile_option(["-f", "x.py"])
print(options.run_time, options.num_users, options.locustfile)
"""


def test_configuration_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.locust]\nrun-time = "4s"\nusers = 3\nlocustfile = "theirs.py"\n')
    (tmp_path / ".locust.conf").write_text("run-time = 4s\nusers = 3\nlocustfile = theirs.py\n")
    (tmp_path / "locust.conf").write_text("= no configuration at all [\n")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LOCUST_")}
    done = subprocess.run(
        [sys.executable, "-c", SHOWS],
        cwd=tmp_path,
        env=environ | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "None None locustfile.py\n", done.stderr
