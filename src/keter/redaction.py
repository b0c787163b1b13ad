"""Mask secrets in everything that is about to be written.

A secret is known by the name of its field, by its shape, or by its value.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST_KNOWN_SECRET = 6  # shorter values would mask ordinary words

_NAMES = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|authorization|cookie|api[_-]?key|private[_-]?key|ao[_-]?key|"
    r"(?:ao[_-]?)?session[_-]?(?:id|key)|licen[sc]e[_-]?key|totp|credentials?"
)
_SECRET_NAME = re.compile(rf"(?i)(?:^|[_.-])(?:ao)?(?:{_NAMES})(?:$|[_.-]|hash)")
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
        MASK,
    ),
    (re.compile(r"eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"), MASK),  # JWT
    (re.compile(r"(?<!\d)\d{6,12}:[A-Za-z0-9_-]{30,}"), MASK),  # Telegram bot token
    (re.compile(r"\$argon2id?\$[^\s\"']+"), MASK),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {MASK}"),
    (re.compile(r"(://)[^\s/@\"']*@"), rf"\1{MASK}@"),  # URL credentials
    (
        re.compile(r"([?&][\w.-]+=)[0-9a-fA-F]{32}\b"),
        rf"\1{MASK}",
    ),  # md5 password in a query string
    (re.compile(rf"(?i)(\b(?:ao)?(?:{_NAMES})[\"']?\s*[:=]\s*[\"']?)[^\s\"',&;}}]+"), rf"\1{MASK}"),
)


class Redactor:
    """Turns strings, and structures of them, into JSON values without secrets."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        forms = {
            form
            for secret in known
            if len(secret) >= SHORTEST_KNOWN_SECRET
            for form in _spellings(secret)
        }
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def text(self, value: str) -> str:
        """Return ``value`` with every secret in it masked."""
        if self._known is not None:
            value = self._known.sub(MASK, value)
        for shape, replacement in _SHAPES:
            value = shape.sub(replacement, value)
        return value

    def value(self, value: Any, name: str = "") -> Any:
        """Return ``value`` as JSON types. A value under the name of a secret is masked whole."""
        if isinstance(value, bool) or value is None:
            return value
        if name and _SECRET_NAME.search(name):
            return MASK
        if isinstance(value, int | float):
            return value
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item, str(key)) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item, name) for item in value]
        return self.text(_plain(value))


def _plain(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, str | Decimal | Exception) else repr(value)


def _spellings(secret: str) -> set[str]:
    """Return the secret as it is, in a URL, and in base64.

    In base64 it has three forms, one for each offset that it may have in a group of three bytes.
    """
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    raw = secret.encode()
    for pad in range(3):
        encoded = base64.b64encode(b"\0" * pad + raw).decode()
        first = -(-pad * 8 // 6)  # digits that carry the padding's bits
        last = (pad + len(raw)) * 8 // 6
        if last - first >= SHORTEST_KNOWN_SECRET:
            forms.add(encoded[first:last])
    return forms
