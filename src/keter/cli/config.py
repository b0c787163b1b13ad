"""``keter config``: what the settings are, and the pages generated from them."""

from typing import Annotated

import typer

from keter.cli.output import JsonFlag, show_json
from keter.errors import UsageError

commands = typer.Typer(
    help="Show the settings, print their reference, hash a password.", invoke_without_command=True
)


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.add_typer(commands, name="config")


@commands.callback()
def config(
    context: typer.Context,
    env_example: Annotated[
        bool, typer.Option("--env-example", help="Print the text of .env.example.")
    ] = False,
    docs: Annotated[bool, typer.Option("--docs", help="Print docs/configuration.md.")] = False,
    reasons: Annotated[bool, typer.Option("--reasons", help="Print docs/reason-codes.md.")] = False,
    metrics: Annotated[bool, typer.Option("--metrics", help="Print docs/metrics.md.")] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Print what holds and where it comes from (the default).")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show the settings, print their reference, hash a password."""
    if context.invoked_subcommand is not None:
        return
    if env_example + docs + reasons + metrics + show > 1:
        raise UsageError("choose one of --env-example, --docs, --reasons, --metrics and --show")
    from keter import generated_docs

    if env_example:
        typer.echo(generated_docs.env_example(), nl=False)
    elif docs:
        typer.echo(generated_docs.configuration_page(), nl=False)
    elif reasons:
        typer.echo(generated_docs.reasons_page(), nl=False)
    elif metrics:
        from keter.metrics import metrics_page

        typer.echo(metrics_page(), nl=False)
    else:
        _show(as_json=as_json)


def _show(*, as_json: bool) -> None:
    from keter.generated_docs import value_text
    from keter.settings import entries, load_settings

    settings = load_settings()
    rows = [
        (
            entry.name,
            value_text(entry.value_in(settings)),
            settings.sources[entry.name],
        )
        for entry in entries(settings)
    ]
    if as_json:
        show_json({name: {"value": value, "source": source} for name, value, source in rows})
        return
    width = max(len(name) for name, _, _ in rows)
    for name, value, source in rows:
        typer.echo(
            f"{name:<{width}}  {value or '-'}" + (f"  ({source})" if source != "default" else "")
        )


@commands.command()
def device() -> None:
    """Print a link for a new browser to log in on this machine while somebody guesses passwords."""
    from keter.clock import SystemClock
    from keter.dashboard.devices import device_link
    from keter.settings import load_settings
    from keter.supervision.launch import page_host
    from keter.system.addresses import http_url

    settings = load_settings()
    hashed = settings.dashboard.dash_password_hash.get_secret_value()
    if not hashed:
        raise UsageError(
            "DASH_PASSWORD_HASH is not set: the console asks for no password, so nobody is kept out"
        )
    page = http_url(page_host(settings), settings.dashboard.dash_port)
    typer.echo(device_link(settings.mode.data_dir / "run", "operator", hashed, page, SystemClock()))


@commands.command()
def password() -> None:
    """Ask for a password twice and print its hash.

    The hash is for DASH_PASSWORD_HASH or DASH_VIEWER_PASSWORD_HASH.
    """
    from keter.dashboard.passwords import hash_password

    secret = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    typer.echo(f"'{hash_password(secret)}'")
