"""What a child process is given of our environment: what makes a Python process run, and what it is told. (pure)

The keys of a target stand in the environment of whoever starts the harness, often with those of other things. A child
inherits none of it: it gets a list's worth, and whoever starts it adds what this child needs.
"""

from __future__ import annotations

from collections.abc import Mapping

PASSED = frozenset(
    [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "TERM",
        "COLUMNS",
        "LINES",
        "NO_COLOR",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "TMP",
        "TEMP",
        "VIRTUAL_ENV",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "DYLD_LIBRARY_PATH",
        "SYSTEMROOT",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
    ]
)
PASSED_BEGINNINGS = ("LC_", "PYTHON", "COVERAGE_", "COV_CORE_", "MALLOC_", "OMP_", "OPENBLAS_", "ARROW_", "FAKETIME")
MORE = "HARNESS_PASS_ENV"
"""Names of further variables to hand to the load generator, separated by commas: for personas of one's own."""


def asked_for(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The names that MORE lists."""
    return tuple(name.strip() for name in environ.get(MORE, "").split(",") if name.strip())


def child_environment(environ: Mapping[str, str], *more: str, **told: str) -> dict[str, str]:
    """The part of `environ` that a child gets: the list above, `more` by name, and `told`, which wins. What is empty
    in `told` is left out altogether."""
    kept = {
        name: value
        for name, value in environ.items()
        if name in PASSED or name in more or name.startswith(PASSED_BEGINNINGS)
    }
    return {name: value for name, value in kept.items() if name not in told} | {
        name: value for name, value in told.items() if value
    }
