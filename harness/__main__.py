"""`python -m harness` is `harness`. Signals are looked after before anything large is imported."""

from harness.core.interrupts import INTERRUPTS


def main() -> None:
    """What the `harness` script calls."""
    try:
        with INTERRUPTS.installed():
            from harness.cli import main as command
    except KeyboardInterrupt as error:
        import sys

        sys.stderr.write(f"{error or 'interrupted'}\n")
        raise SystemExit(30) from None
    command()


if __name__ == "__main__":
    main()
