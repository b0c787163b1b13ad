"""The gate of every account of a run: each with its own limits, day, brakes and permission."""

from collections.abc import Sequence

from keter.bus.codec import decode
from keter.bus.errors import PoisonedPayloadError
from keter.bus.locks import Lease
from keter.bus.queue import Item
from keter.context import Context
from keter.domain.signals import ConfirmedSignal
from keter.domain.verdicts import Reason, reject
from keter.ledger import Ledger
from keter.risk.approvals import Approvals, Ruling
from keter.risk.book_keeper import BookKeeper, ServerLife
from keter.risk.brakes import Brakes
from keter.risk.gate import best_first


class EveryAccount:
    """Decide on the signals of all accounts. The methods raise the errors of bus and ledger."""

    def __init__(
        self, context: Context, ledger: Ledger, lease: Lease, server_life: ServerLife
    ) -> None:
        self.keeper = BookKeeper(context, ledger, lease, server_life)
        accounts = {account: context.of(account) for account in context.accounts}
        self._brakes = [Brakes(own, self.keeper) for own in accounts.values()]
        self._approvals = {
            account: Approvals(own, ledger, self.keeper) for account, own in accounts.items()
        }

    async def watch(self) -> None:
        """Restore what Redis has lost and apply the brakes of each account."""
        await self.keeper.refresh()
        for brakes in self._brakes:
            await brakes.watch()

    async def decide(self, signal: ConfirmedSignal) -> Ruling | None:
        """Return the ruling on a signal; None if the risk book has changed since it was read.

        A signal of an account that is not of this run is refused. Raises LeaseLostError without
        the guard's lease.
        """
        approvals = self._approvals.get(signal.account)
        if approvals is None:
            return Ruling(reject(Reason.OTHER_RUN))
        return await approvals.decide(signal)

    async def rank(self, items: Sequence[Item]) -> list[int]:
        """Return the indexes of ``items``, the signal worth most first.

        What cannot be ranked comes before all others: it is no signal, or of no account of ours.
        """
        signals = [_signal_or_none(item) for item in items]
        known = [
            (i, signal)
            for i, signal in enumerate(signals)
            if signal is not None and signal.account in self._approvals
        ]
        asking = {signal.account for _, signal in known}
        limits = {account: await self.keeper.current_limits(account) for account in asking}
        ranked = {i for i, _ in known}
        order = best_first([signal for _, signal in known], limits)
        return [i for i in range(len(items)) if i not in ranked] + [known[one][0] for one in order]


def _signal_or_none(item: Item) -> ConfirmedSignal | None:
    try:
        return decode(ConfirmedSignal, item.payload)
    except PoisonedPayloadError:
        # The handler meets the same error, and the item becomes a dead letter.
        return None
