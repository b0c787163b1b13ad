"""The bookmaker as a whole: board, scenario, book, sessions and faults under one clock.

It knows no network.
"""

import asyncio
import random
from collections.abc import Callable

from keter.clock import Clock, to_ms
from keter.venues.asianodds.simulator.board import Board
from keter.venues.asianodds.simulator.book import Book
from keter.venues.asianodds.simulator.config import SandboxConfig
from keter.venues.asianodds.simulator.faults import Faults
from keter.venues.asianodds.simulator.fixed import FixedScenario
from keter.venues.asianodds.simulator.market import Market
from keter.venues.asianodds.simulator.placement import Placing
from keter.venues.asianodds.simulator.quoting import Quoting
from keter.venues.asianodds.simulator.sessions import Sessions
from keter.venues.simulation.match import Scenario

ScenarioFactory = Callable[[SandboxConfig, Board, int], Scenario]


def default_scenario(config: SandboxConfig, board: Board, start_ms: int) -> Scenario:
    """Return the scenario that the configuration asks for."""
    if config.csv.paths:
        from keter.venues.asianodds.simulator.scenario_csv import CsvScenario

        return CsvScenario.load(config, board, start_ms)
    if config.fixed_fixtures:
        return FixedScenario(
            config.fixed_fixtures,
            board,
            start_ms,
            sport=config.fixed_sport,
            seed=config.seed,
            shown_ms=config.final_shown_ms,
        )
    return Market(config, start_ms=start_ms, board=board)


class House:
    """Everything that the bookmaker knows. ``now`` brings it up to date."""

    def __init__(
        self, config: SandboxConfig, clock: Clock, scenario: ScenarioFactory = default_scenario
    ) -> None:
        self.config, self.clock = config, clock
        self.board = Board(round(config.protocol.closing_s * 1000))
        self.started_ms = to_ms(clock.now())
        self.scenario = scenario(config, self.board, self.started_ms)
        self.book = Book(
            config.accounts,
            settle_after_ms=round(config.settle_after_s * 1000),
            keep_closed=config.betting.keep_settled,
        )
        self.sessions = Sessions(
            config.accounts, config.protocol, config.feed_interval_scale, config.seed
        )
        # The seed's words are part of what a seed stands for: other words, other decisions.
        rng = random.Random(f"{config.seed}:desk")  # noqa: S311 - play money, and it must be repeatable
        self.quoting = Quoting(config, self.board, self.book, rng)
        self.placing = Placing(config, self.board, self.book, self.quoting, rng)
        self.faults = Faults(seed=config.seed)
        self.calls: dict[str, int] = {}
        self.stopping = asyncio.Event()

    def now(self) -> int:
        """Return milliseconds since the epoch, after everything due by then has happened."""
        now_ms = to_ms(self.clock.now())
        self.book.advance(now_ms, self.scenario.advance(now_ms))
        return now_ms

    async def pause(self, seconds: float) -> None:
        """Wait for so long, or until the sandbox stops."""
        if seconds > 0:
            try:
                await asyncio.wait_for(self.stopping.wait(), seconds)
            except TimeoutError:
                return
