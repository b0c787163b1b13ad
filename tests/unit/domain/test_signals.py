"""Signals conflate on what they are for: event, selection and account."""

import msgspec

from tests.kit.signals import ACCOUNT, a_signal

OTHER = "asianodds:other"


def test_the_signals_of_two_accounts_for_one_selection_do_not_replace_each_other() -> None:
    mine = a_signal()
    theirs = msgspec.structs.replace(
        mine, update=msgspec.structs.replace(mine.update, account=OTHER)
    )
    assert (mine.account, theirs.account) == (ACCOUNT, OTHER)
    assert (mine.event_uid, mine.selection_id) == (theirs.event_uid, theirs.selection_id)
    assert mine.queue_key != theirs.queue_key
    assert mine.update.queue_key != theirs.update.queue_key


def test_a_newer_price_of_the_same_selection_and_account_replaces_the_older() -> None:
    signal = a_signal()
    newer = msgspec.structs.replace(
        signal, update=msgspec.structs.replace(signal.update, trace_id="newer")
    )
    assert signal.queue_key == newer.queue_key
