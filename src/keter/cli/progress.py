"""A progress bar on a terminal, nothing where the output is read by a program."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

Advance = Callable[[int, int], None]


@contextmanager
def reading(files: Iterable[Path], noun: str) -> Iterator[Advance]:
    """Yield a function that advances the bar.

    It takes how many more ``noun`` are done, and how many more bytes of the files are read.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    counted = TextColumn(f"{{task.fields[done]:,}} {noun}")
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        counted,
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    total = sum(file.stat().st_size for file in files)
    done = 0
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(noun, total=total, done=0)

        def advance(count: int, read: int) -> None:
            nonlocal done
            done += count
            bar.update(task, advance=read, done=done)

        yield advance
