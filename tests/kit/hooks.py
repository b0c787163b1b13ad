"""Dying and freezing between any two steps, without touching what is tested.

Everything a worker reaches for (ledger, venue, Redis) is wrapped; each call is two steps, one
before and one after. A ``Hook`` can kill at a step (from then on every step fails, as for a dead
process) or freeze there until it is thawed.
"""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any


class Crash(BaseException):
    """The process is dead."""


class Hook:
    """Counts steps.

    ``kill_at`` and ``freeze_at`` are step numbers from 1; ``spare`` names steps at which nothing is
    frozen.
    """

    def __init__(
        self, *, kill_at: int | None = None, freeze_at: int | None = None, spare: str = ""
    ) -> None:
        self.kill_at, self.freeze_at, self.spare = kill_at, freeze_at, spare
        self.steps: list[str] = []
        self.dead = False
        self.frozen = asyncio.Event()
        self._thawed = asyncio.Event()

    @property
    def where(self) -> str:
        return self.steps[-1] if self.steps else "nowhere"

    async def step(self, name: str) -> None:
        self.steps.append(name)
        if self.kill_at is not None and len(self.steps) >= self.kill_at:
            self.dead = True
        if self.dead:
            raise Crash(name)
        if (
            self.freeze_at is not None
            and len(self.steps) >= self.freeze_at
            and (not self.spare or name != self.spare)
        ):
            self.freeze_at = None
            self.frozen.set()
            await self._thawed.wait()

    def thaw(self) -> None:
        self._thawed.set()


class Hooked:
    """``target`` with a step before and after each call of a coroutine function; anything else is
    handed through.
    """

    def __init__(self, target: Any, hook: Hook, name: str, **parts: Any) -> None:
        self._target, self._hook, self._name = target, hook, name
        self.__dict__.update(parts)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        return self._wrapped(name, found) if inspect.iscoroutinefunction(found) else found

    def _wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        async def stepped(*args: Any, **kwargs: Any) -> Any:
            label = f"{self._name}.{name}"
            if name == "transition":
                label += f"({args[1]})"
            elif name == "run":
                label = f"{self._name}.{args[0]}"
            await self._hook.step(f"before {label}")
            result = await call(*args, **kwargs)
            await self._hook.step(f"after {label}")
            return result

        return stepped
