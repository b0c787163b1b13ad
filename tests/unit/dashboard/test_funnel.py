"""The funnel shows every rejection with its reason."""

from keter.dashboard.facts import funnel


def test_a_reason_that_begins_like_a_count_of_books_is_shown_all_the_same() -> None:
    """The router's book_limits is a verdict; the validator's book_... counts books."""
    stages = {stage.stage: stage for stage in funnel({"router:book_limits": 3, "validator:book_stale": 9, "validator:ok": 2})}
    assert stages["router"].reasons == {"book_limits": 3}
    assert stages["router"].rejected == 3
    assert stages["validator"].reasons == {}
    assert stages["validator"].passed == 2
