"""Signals conflate on what they are for: event, selection and account."""

import msgspec
import pytest

from keter.domain.signals import ApprovedSignal, approved_signal
from tests.kit.execution import NOW
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


def test_an_approval_stored_by_an_older_version_is_read_as_if_stored_today() -> None:
    approved = ApprovedSignal(a_signal(), "d1", 1000, NOW)
    stored = msgspec.json.encode(approved)
    older = msgspec.json.decode(stored)
    older["signal"]["side"] = older["signal"].pop("outcome")
    assert approved_signal(stored) == approved
    assert approved_signal(msgspec.json.encode(older)) == approved
    assert approved_signal(b"") is None


@pytest.mark.parametrize("stored", [b"[]", b"{}", b'{"signal": 1}', b'{"signal": {}}'])
def test_what_is_no_approval_is_not_read_as_one(stored: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        approved_signal(stored)
