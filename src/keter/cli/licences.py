"""``keter license``: look at a licence, or make one if you issue them."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from keter.cli.output import JsonFlag, show
from keter.errors import UsageError

commands = typer.Typer(help="Show, verify or issue licences.", no_args_is_help=False)


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.add_typer(commands, name="license")


@commands.command()
def keygen(
    private_key: Annotated[
        Path, typer.Argument(help="File to write the private key to; must not exist.")
    ],
) -> None:
    """Make a key pair for issuing licences; prints the public key for LICENSE_PUBLIC_KEY."""
    from keter.license.token import new_key
    from keter.system.private_files import open_private

    pem, public = new_key()
    try:
        with open_private(private_key, "xb") as file:
            file.write(pem)
    except OSError as e:
        raise UsageError(f"{private_key} cannot be made: {e.strerror}") from e
    typer.echo(f"LICENSE_PUBLIC_KEY={public}")


@commands.command()
def issue(
    holder: Annotated[str, typer.Argument(help="Whose licence it is.")],
    private_key: Annotated[Path, typer.Option(help="File with the private key.")],
    days: Annotated[int, typer.Option(help="How long it holds.", min=1, max=36_500)] = 365,
    out: Annotated[
        Path | None, typer.Option(help="File to write it to, for its owner only.")
    ] = None,
) -> None:
    """Make a new licence: print it, or write it to a file that only its owner may read."""
    from keter.clock import SystemClock
    from keter.license.token import issue, load_private_key
    from keter.system.private_files import make_folder, write_private

    try:
        key = load_private_key(private_key.read_bytes())
    except OSError as e:
        raise UsageError(f"{private_key} cannot be read: {e.strerror}") from e
    token = issue(key, holder, now=SystemClock().now(), valid_for=timedelta(days=days))
    if out is None:
        typer.echo(token)
        return
    try:
        make_folder(out.parent)
        write_private(out, f"{token}\n")
    except OSError as e:
        raise UsageError(f"{out} cannot be written: {e.strerror}") from e
    typer.echo(f"licence written to {out}", err=True)


@commands.command(name="show")
def show_license(as_json: JsonFlag = False) -> None:
    """Say whether a licence is at hand, whose it is and until when; exit code 0 either way."""
    from keter.clock import SystemClock
    from keter.errors import PermissionDeniedError
    from keter.license.keeper import LicenseKeeper
    from keter.settings import load_settings

    clock = SystemClock()
    keeper = LicenseKeeper(load_settings(), clock)
    facts: dict[str, object] = {"required": keeper.required}
    try:
        found = keeper.check()
        facts |= {
            "valid": True,
            "holder": found.holder,
            "id": found.license_id,
            "expires_at": found.expires_at,
            "days_left": found.days_left(clock.now()),
        }
    except PermissionDeniedError as e:
        facts |= {"valid": False, "problem": str(e)}
    show(facts, as_json=as_json)


@commands.command()
def verify() -> None:
    """Exit with 0 when a valid licence is at hand, with 77 and the reason when not."""
    from keter.clock import SystemClock
    from keter.license.keeper import LicenseKeeper
    from keter.settings import load_settings

    found = LicenseKeeper(load_settings(), SystemClock()).check()
    typer.echo(f"valid: {found.holder} until {found.expires_at:%Y-%m-%d %H:%M} UTC")
