"""A session stays with the venue that was configured."""

import pytest

from keter.venues.asianodds.session_hosts import SessionHosts


@pytest.mark.parametrize(
    ("base", "url", "fine"),
    [
        ("https://webapi.venue.example/x", "https://webapi.venue.example/x", True),
        ("https://webapi.venue.example/x", "https://WEBAPI20.Venue.Example./x", True),
        ("https://webapi.venue.example/x", "https://venue.example/x", True),
        ("https://webapi.venue.example/x", "https://evilvenue.example/x", False),
        ("https://webapi.venue.example/x", "https://venue.example.evil.test/x", False),
        ("https://webapi.venue.example/x", "https://127.0.0.1/x", False),
        ("https://webapi.venue.example/x", "http://webapi.venue.example/x", False),
        ("https://venue.example/x", "https://a.venue.example/x", True),
        ("https://venue.example/x", "https://other.example/x", False),
        ("https://venue.co.uk/x", "https://other.co.uk/x", False),
        ("https://venue.co.uk/x", "https://a.venue.co.uk/x", True),
        ("https://10.0.0.9/x", "https://10.0.0.9:8/x", True),
        ("https://10.0.0.9/x", "https://10.0.0.8/x", False),
        ("https://10.0.0.9/x", "https://a.0.0.9/x", False),
        ("http://127.0.0.1:5/x", "http://127.0.0.1:6/y", True),
        ("http://127.0.0.1:5/x", "http://localhost:6/y", True),
        ("http://127.0.0.1:5/x", "http://venue.example/y", False),
    ],
)
def test_a_session_stays_with_the_venue_that_was_configured(
    base: str, url: str, fine: bool
) -> None:
    assert (SessionHosts(base).fault(url) is None) == fine
