"""`harness users`: synthetic people of a target."""

from __future__ import annotations

import click

from harness.core.visible import visible_lines

CONCURRENCY = "Requests at a time; they keep to the target's requests_per_second all the same."


@click.group()
def users() -> None:
    """Make and remove synthetic people on a target."""


@users.command("provision")
@click.option("--target", "target_file", type=click.Path(), required=True, help="Target file (TOML).")
@click.option("--count", type=click.IntRange(min=1), required=True, help="How many there should be in the end.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=8, show_default=True, help=CONCURRENCY)
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def users_provision(target_file: str, count: int, concurrency: int, allow_production: bool) -> None:
    """Create the people that are missing. Safe to repeat and to interrupt."""
    from harness import provision
    from harness.config.load import load_target

    target = load_target(target_file)
    click.echo(
        visible_lines(provision.provision(target, count, concurrency=concurrency, allow_production=allow_production))
    )


@users.command("cleanup")
@click.option("--target", "target_file", type=click.Path(), required=True, help="Target file (TOML).")
@click.option("--concurrency", type=click.IntRange(1, 64), default=8, show_default=True, help=CONCURRENCY)
@click.option("--dry-run", is_flag=True, help="Only say who would be removed.")
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def users_cleanup(target_file: str, concurrency: int, dry_run: bool, allow_production: bool) -> None:
    """Remove the people that `provision` made, and nobody else.

    They carry this target's tag, in their address and in their metadata.
    """
    from harness import provision
    from harness.config.load import load_target

    target = load_target(target_file)
    click.echo(
        visible_lines(
            provision.cleanup(target, concurrency=concurrency, dry_run=dry_run, allow_production=allow_production)
        )
    )
