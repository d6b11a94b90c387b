"""`python -m sandbox.switches FILE`: writes the tables of switches in a Markdown file anew."""

from __future__ import annotations

from pathlib import Path

import click

from sandbox.switches.documentation import refreshed


@click.command()
@click.argument("page", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(page: Path) -> None:
    """Write the tables of switches in PAGE anew."""
    page.write_text(refreshed(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
