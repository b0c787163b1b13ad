"""The report is one page in which names are only text."""

from keter.replay.performance import performance
from keter.replay.report import html_report
from tests.unit.replay.test_performance import bet


def test_names_in_the_report_are_text_and_nothing_else() -> None:
    """League names come from outside."""
    bets = [bet(0, 1100, league="<script>alert(1)</script>"), bet(1, -1000)]
    page = html_report("A & B", "intro", ["careful <b>"], bets, performance(bets))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "A &amp; B" in page
    assert "careful &lt;b&gt;" in page


def test_an_empty_report_is_still_a_page() -> None:
    page = html_report("Nothing", "no bets", [], [], performance([]))
    assert page.startswith("<!doctype html>")
    assert "—" in page
