"""How commands print: aligned text for people, one JSON value for scripts."""

from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from keter.errors import UnavailableError
from keter.system.private_files import write_private

T = TypeVar("T")
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def show(facts: Mapping[str, object], *, as_json: bool) -> None:
    """Print ``facts``, as JSON or as one aligned line per name."""
    if as_json:
        show_json(facts)
        return
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        typer.echo(f"{name.replace('_', ' '):<{width}}  {_text(value)}")


def show_json(value: object) -> None:
    """Print one JSON value, with times and exact numbers as text."""
    import orjson

    typer.echo(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z))


def write_file(path: Path, text: str) -> None:
    """Write a file that only its owner may read. Raises UnavailableError."""
    try:
        write_private(path, text)
    except OSError as e:
        raise UnavailableError(f"{path} cannot be written: {e.strerror}") from e


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return str(value)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine to its end."""
    import asyncio

    return asyncio.run(work)
