"""References fit the venue, tell two intents apart and are recognised without any memory."""

import math
import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.references import (
    LEAST_BITS,
    WANTED_BITS,
    ReferenceForm,
    is_ours,
    make_reference,
)
from keter.venues.asianodds.limits import CAPABILITY

_WORDS = string.digits + string.ascii_letters
ASIANODDS = CAPABILITY.reference_form
# Betfair customerRef and customerOrderRef: at most 32 of these.
BETFAIR = ReferenceForm(_WORDS + "-._+*:;~", 32)
# ProphetX external_id: at most 100 of these, unique for ever per user.
PROPHETX = ReferenceForm(_WORDS + "_-", 100)
VENUES = [ASIANODDS, BETFAIR, PROPHETX]
INTENTS = 10**9
ids = st.uuids().map(lambda one: one.hex)
forms = st.sampled_from(
    [*VENUES, ReferenceForm(string.ascii_letters, 40), ReferenceForm(string.ascii_uppercase, 30)]
)


@given(ids, forms)
def test_a_reference_is_always_the_same_and_fits_the_venue(
    intent_id: str, form: ReferenceForm
) -> None:
    made = make_reference(intent_id, form)
    assert made == make_reference.__wrapped__(intent_id, form)
    assert len(made) <= form.max_length
    assert set(made) <= set(form.alphabet)
    assert made in {made.lower(), made.upper()}, "a venue may compare without case"
    assert is_ours(made, form)


@given(ids, forms, st.data())
def test_a_changed_letter_is_recognised_but_for_chance(
    intent_id: str, form: ReferenceForm, data: st.DataObject
) -> None:
    made = make_reference(intent_id, form)
    place = data.draw(st.integers(len(made) - form.check_length, len(made) - 1))
    other = data.draw(st.sampled_from(form.letters).filter(lambda one: one != made[place]))
    assert not is_ours(made[:place] + other + made[place + 1 :], form)


def test_strangers_references_of_our_form_pass_hardly_ever() -> None:
    """One in 36**3 passes; of 20,000 more than nine would be a chance below 1 in 10**8."""
    body_of = [make_reference(f"x{number}", PROPHETX)[2:] for number in range(20_000)]
    strangers = [f"kt{body[::-1]}" for body in body_of]
    assert sum(is_ours(one, PROPHETX) for one in strangers) < 10


@pytest.mark.parametrize("form", VENUES)
def test_a_milliard_intents_collide_with_a_probability_below_10_to_minus_20(
    form: ReferenceForm,
) -> None:
    names = len(form.letters) ** form.body_length
    assert math.log2(names) >= WANTED_BITS
    assert INTENTS**2 / 2 / names < 1e-20
    assert INTENTS**2 / 2 / 2**LEAST_BITS < 1e-12


def test_thirty_thousand_intents_have_as_many_references_with_evenly_used_letters() -> None:
    made = {make_reference.__wrapped__(f"{number}", BETFAIR) for number in range(30_000)}
    assert len(made) == 30_000
    firsts = [one[2] for one in made]
    for letter in BETFAIR.letters:
        assert abs(firsts.count(letter) - 30_000 / 36) < 6 * math.sqrt(30_000 / 36)


def test_references_of_an_older_form_stay_ours() -> None:
    assert is_ours("kt" + "0123456789abcdef" * 2, ASIANODDS)
    assert not is_ours("kt" + "g" * 32, ASIANODDS)


@pytest.mark.parametrize("text", ["", "kt", "demo-0001", "kt" + "a" * 28, "kos-20260103-0001"])
def test_what_others_write_is_not_ours(text: str) -> None:
    assert not any(is_ours(text, form) for form in VENUES)


def test_a_venue_with_too_little_room_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        make_reference(uuid.uuid4().hex, ReferenceForm(string.ascii_lowercase, 20))
    with pytest.raises(ValueError, match="begins with kt"):
        make_reference(uuid.uuid4().hex, ReferenceForm(string.digits, 100))
    with pytest.raises(ValueError, match="needs an id"):
        make_reference("", PROPHETX)
