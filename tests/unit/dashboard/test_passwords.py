"""Which passwords are hashed for the settings."""

import pytest

from keter.dashboard.passwords import hash_password
from keter.errors import UsageError

PASSWORD = "seven wet herons walk"


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "passwordpassword",
        "123456789123456789",
        "aaaaaaaaaaaaaaaaaaaa",
        "keterketerketerketer",
        "change-me-change-me",
        "Correct horse battery staple",
        "abcdefghijklmnopqrst",
        "your password example",
    ],
)
def test_passwords_that_everybody_tries_are_refused(password: str) -> None:
    with pytest.raises(UsageError):
        hash_password(password)


def test_a_good_password_becomes_an_argon2id_hash() -> None:
    assert hash_password(PASSWORD).startswith("$argon2id$")
