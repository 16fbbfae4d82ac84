"""gilscope completion: the script that teaches a shell to complete."""

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from gilscope.cli._program import COMPLETE, NAME, Command
from gilscope.cli._types import Name

SHELLS = ("bash", "zsh", "fish")


@click.command(
    "completion",
    cls=Command,
    short_help="Print the script for tab completion.",
    examples=[
        ('eval "$(gilscope completion bash)"', "in ~/.bashrc"),
        ('eval "$(gilscope completion zsh)"', "in ~/.zshrc"),
        ("gilscope completion fish | source", "in ~/.config/fish/config.fish"),
    ],
)
@click.argument(
    "shell", metavar="[bash|zsh|fish]", type=Name("shell", lambda: SHELLS, "gilscope completion --help"), required=False
)
def command(shell: str | None) -> None:
    """Print the script that completes commands, options, kernels, implementations and policies in a shell (the one in
    $SHELL if you name none)."""
    own = Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(shell or (own if own in SHELLS else "bash"))
    assert kind is not None
    click.echo(kind(click.get_current_context().find_root().command, {}, NAME, COMPLETE).source())
