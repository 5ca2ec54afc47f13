"""The command `completion`: prints what a shell needs to complete our commands."""

import click
from click.shell_completion import get_completion_class

from incm_webhook.errors import EXIT_FAILED

_VARIABLE = "_INCM_WEBHOOK_COMPLETE"


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> int:
    """Print a script that makes SHELL complete commands, flags and their values.

    \b
    bash   incm-webhook completion bash > ~/.local/share/bash-completion/completions/incm-webhook
    zsh    incm-webhook completion zsh > "${fpath[1]}/_incm-webhook"
    fish   incm-webhook completion fish > ~/.config/fish/completions/incm-webhook.fish

    A new shell then completes; it runs `incm-webhook` for each completion.

    Example: incm-webhook completion bash
    """  # noqa: D301 - click reads \b as a backspace
    kind = get_completion_class(shell)
    if kind is None:
        click.echo(f"incm-webhook: click has no completion for {shell}", err=True)
        return EXIT_FAILED
    root = context.find_root()
    program = root.info_name or "incm-webhook"
    # click's own source() runs bash to look at its version; the script does not depend on it.
    script = kind(root.command, {}, program, _VARIABLE)
    click.echo(script.source_template % script.source_vars())
    return 0
