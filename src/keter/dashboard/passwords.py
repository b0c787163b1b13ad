"""Hashes of passwords: made for the settings, checked at a login."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from keter.errors import ConfigurationError, UsageError

MIN_PASSWORD = 15
_COMMON = (
    "correcthorsebatterystaple", "abcdefghijklmnopqrstuvwxyz", "abcdefghijklm", "qwertyuiop",
    "asdfghjkl", "zxcvbnm", "administrator", "1234567890", "123456789", "password", "passw0rd",
    "placeholder", "changeme", "replaceme", "letmein", "iloveyou", "welcome", "example", "secret",
    "admin", "keter",
)  # fmt: skip


def hash_password(password: str) -> str:
    """Return the argon2id hash for DASH_PASSWORD_HASH.

    Raises UsageError for a password that would be guessed.
    """
    if len(password) < MIN_PASSWORD:
        raise UsageError(
            f"the password needs at least {MIN_PASSWORD} characters; a sentence is fine"
        )
    left = "".join(letter for letter in password.lower() if letter.isalnum())
    for word in _COMMON:
        left = left.replace(word, "")
    if len(left) <= MIN_PASSWORD // 2 or len(set(password)) < MIN_PASSWORD // 2:
        raise UsageError(
            "the password is made of what everybody tries first; take words that nobody would guess"
        )
    return PasswordHasher().hash(password)


def verify_password(hashed: str, password: str) -> bool:
    """Return whether ``password`` has the argon2id hash ``hashed``; takes tens of milliseconds.

    Raises ConfigurationError for a hash that is none.
    """
    try:
        return PasswordHasher().verify(hashed, password)
    except VerifyMismatchError:
        return False
    except (VerificationError, InvalidHashError) as e:
        raise ConfigurationError("DASH_PASSWORD_HASH is not a valid argon2id hash") from e
