"""Our references at a venue, derived from an intent's id in the venue's alphabet and length.

A reference is ``kt``, a hash of the intent's id, and check letters. Nothing else is needed to
recognise it as ours, so ownership survives the loss of everything local; the hash finds the intent
in a ledger. References of an older form, ``kt`` and 32 hexadecimal digits, stay ours.
"""

import hashlib
import math
import re
import string
from functools import lru_cache

import msgspec

# By the birthday bound, n references of b bits collide with probability below n * n / 2 / 2**b.
# With 128 bits, 10**9 intents collide with probability below 1.5e-21.
WANTED_BITS = 128
# The least that is accepted: below 1e-12 for 10**9 intents.
LEAST_BITS = 99
# A stranger's text of our length and prefix passes for ours once in 2**15 cases or less.
_CHECK_BITS = 15
_PREFIX = "kt"
_DIGEST_BYTES = 64
_OLDER_FORM = re.compile(r"kt[0-9a-f]{32}")

LOWER = string.digits + string.ascii_lowercase


class ReferenceForm(msgspec.Struct, frozen=True):
    """What a venue takes as a reference: its letters and the greatest length."""

    alphabet: str
    max_length: int

    @property
    def letters(self) -> str:
        """The letters used: sorted, of one case, without punctuation.

        One case, because a venue or its database may compare without case.
        """
        return _of_one_case(self.alphabet)

    @property
    def prefix(self) -> str:
        """The two letters that every reference of ours begins with.

        Raises ValueError if the venue does not take them.
        """
        for prefix in (_PREFIX, _PREFIX.upper()):
            if set(prefix) <= set(self.letters):
                return prefix
        raise ValueError(f"a reference begins with {_PREFIX}, which is not in {self.alphabet!r}")

    @property
    def check_length(self) -> int:
        return math.ceil(_CHECK_BITS / math.log2(len(self.letters)))

    @property
    def body_length(self) -> int:
        """The letters of the hash; raises ValueError if too few fit into the venue's length."""
        bits = math.log2(len(self.letters))
        room = self.max_length - len(self.prefix) - self.check_length
        length = min(room, math.ceil(WANTED_BITS / bits))
        if length * bits < LEAST_BITS:
            raise ValueError(
                f"{self.max_length} of {len(self.letters)} letters are too few for references:"
                f" {LEAST_BITS} bits of hash are needed"
            )
        return length


@lru_cache(maxsize=4096)
def make_reference(intent_id: str, form: ReferenceForm) -> str:
    """Return the reference of an intent: always the same, within the venue's form."""
    if not intent_id:
        raise ValueError("an intent needs an id")
    body = _encoded(f"keter intent {intent_id}", form.letters, form.body_length)
    return form.prefix + body + _check_letters(body, form)


def is_ours(reference: str, form: ReferenceForm) -> bool:
    """Return whether the reference has a form that Keter makes or once made.

    Its intent may be in another ledger.
    """
    if _OLDER_FORM.fullmatch(reference):
        return True
    body_end = len(form.prefix) + form.body_length
    if len(reference) != body_end + form.check_length or not reference.startswith(form.prefix):
        return False
    body = reference[len(form.prefix) : body_end]
    return set(body) <= set(form.letters) and reference[body_end:] == _check_letters(body, form)


@lru_cache
def _of_one_case(alphabet: str) -> str:
    """Return the digits with the lower or the upper letters, whichever are more; sorted."""
    lower = sorted(set(alphabet) & set(LOWER))
    upper = sorted(set(alphabet) & set(string.digits + string.ascii_uppercase))
    return "".join(lower if len(lower) >= len(upper) else upper)


def _check_letters(body: str, form: ReferenceForm) -> str:
    """Return the letters that a body of ours must be followed by."""
    return _encoded(f"keter check {body}", form.letters, form.check_length)


def _encoded(text: str, letters: str, length: int) -> str:
    """Return ``length`` letters that depend evenly on all of ``text``."""
    digest = hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()
    number = int.from_bytes(digest, "big")
    out = []
    for _ in range(length):
        number, index = divmod(number, len(letters))
        out.append(letters[index])
    return "".join(out)
