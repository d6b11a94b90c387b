"""`python -m harness.load.locust_main`: Locust without the options that lie about for somebody else's tests.

Locust reads ~/.locust.conf, ./locust.conf and [tool.locust] of ./pyproject.toml as if they stood on the command line;
a `run-time` there would end our runs. What a run is asked to do stands in its profile and its command line alone.
(LOCUST_* variables: whoever starts this leaves them out of its environment.)
"""

from __future__ import annotations

from locust import argument_parser, main


def ignore_config_files() -> None:
    """The parsers of this process read no files by default; `--config FILE` still works."""
    argument_parser.get_empty_argument_parser.__defaults__ = (True, [])
    argument_parser.get_parser.__defaults__ = ([],)


if __name__ == "__main__":
    ignore_config_files()
    main.main()
