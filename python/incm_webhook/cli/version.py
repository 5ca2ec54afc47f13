"""The command `version`."""

import click


@click.command(short_help="Print the versions.")
def version() -> int:
    """Print the versions of the program, of Python, of the native core and of its libraries.

    Example: incm-webhook version
    """
    import platform
    from importlib import metadata

    from incm_webhook._core import __version__, library_versions

    try:
        program = metadata.version("incm-webhook")
    except metadata.PackageNotFoundError:
        program = __version__
    click.echo(f"incm-webhook {program}, Python {platform.python_version()}, core {__version__}")
    click.echo(", ".join(f"{name} {number}" for name, number in library_versions.items()))
    return 0
