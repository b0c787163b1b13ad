"""The validator: takes raw markets, gives those that may be priced.

Rejections are many, so they are counted by reason and not audited.
"""

from collections.abc import Callable
from datetime import datetime

from keter.bus.codec import decode, encode
from keter.bus.queue import Item, Output, QueueName
from keter.context import Context
from keter.domain.quotes import MarketUpdate
from keter.processes.serving import serve
from keter.processes.turns import Handled
from keter.strategies.value.settings import ValidationSettings
from keter.strategies.value.validation import validate

STAGE = "validator"
BATCH = 64


async def run(context: Context) -> None:
    """Serve the raw queue until asked to stop."""
    validator = Validator(context.settings.validation, context.clock.now)
    await serve(context, context.pipe(QueueName.RAW), validator.handle, batch=BATCH)


class Validator:
    """Validate one market after another."""

    def __init__(self, settings: ValidationSettings, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._now = now

    async def handle(self, item: Item) -> Handled:
        """Validate the market in ``item``. Raises PoisonedPayloadError if there is none."""
        update = decode(MarketUpdate, item.payload)
        verdict, market = validate(update, self._settings, self._now())
        counts = {f"{STAGE}:{verdict.reason.value}": 1}
        if market is None:
            return Handled(counts=counts)
        for why in market.dropped.values():
            name = f"{STAGE}:book_{why}"
            counts[name] = counts.get(name, 0) + 1
        return Handled([Output(QueueName.VALIDATED, market.queue_key, encode(market))], counts)
