"""`harness completion`: what a shell needs to complete commands, options, profiles and runs."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash, in ~/.bashrc:   eval "$(harness completion bash)"
    zsh, in ~/.zshrc:     eval "$(harness completion zsh)"
    fish:                 harness completion fish > ~/.config/fish/completions/harness.fish
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None  # click has the three that Choice names
    click.echo(made(context.find_root().command, {}, "harness", "_HARNESS_COMPLETE").source())
