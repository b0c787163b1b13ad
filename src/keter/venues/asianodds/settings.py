"""Settings of the AsianOdds account, and of the simulator that takes its place. Pure."""

from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from keter.domain.accounts import Account, AccountId
from keter.domain.trading import ExecutionMode
from keter.setting_kinds import Group, Seconds, Words, checked_books, is_address
from keter.venues.asianodds.sport_terms import FOLLOWED

VENUE = "asianodds"
LONGEST_USER = 64  # with the venue before it, it fits the ledger's columns for an account
# The account of the simulator, and how it logs in there. No real account has this venue.
SIMULATED = AccountId("sandbox", "demo")
SIMULATED_USER, SIMULATED_PASSWORD = "SANDBOX", "sandbox"
# The odds are net: AsianOdds takes no share of what is won.
COMMISSION = Decimal(0)


class VenueSettings(Group):
    """The AsianOdds account. Without a user name the sandbox bookmaker is used."""

    ao_user: str = Field(
        "",
        description="AsianOdds API user name, at most 64 characters. Empty: the sandbox bookmaker.",
    )
    ao_pass: SecretStr = Field(SecretStr(""), description="AsianOdds API password.")
    ao_base_url: str = Field(
        "https://webapi.asianodds88.com/AsianOddsService",
        description="Root of the venue's web service.",
    )
    ao_sports: Words = Field(
        ("1",),
        description=(
            "Sport ids to follow, comma separated (1 is football, 2 basketball, 3 tennis)."
        ),
    )
    ao_bookies: Words = Field(("ALL",), description="Books to ask for, comma separated, or ALL.")
    max_answer_mb: Annotated[float, Field(ge=0, le=4_096)] = Field(
        0,
        description=(
            "Largest answer that is read, unpacked, in MB. 0: a 128th of the machine's memory, 32"
            " to 256."
        ),
    )
    max_fixtures: Annotated[int, Field(ge=1)] = Field(
        5_000, description="Fixtures of the feed that are kept; of more the latest kick-offs go."
    )
    max_markets: Annotated[int, Field(ge=1)] = Field(
        50_000, description="The same for markets; one takes about 4 kB in Redis."
    )
    feed_stale_after_s: Seconds = Field(
        60, description="A market type without a good answer for this long is stale."
    )
    placement_timeout_s: Annotated[int, Field(ge=5, le=60)] = Field(
        20, description="Seconds the venue may ask books for a price."
    )
    http_timeout_s: Annotated[float, Field(gt=0, le=120)] = Field(
        15, description="Deadline of one venue call, placements apart."
    )

    ao_allow_plain_http: bool = Field(
        False,
        description=(
            "Accept a venue over plain http:// beyond this machine in LIVE: password and bets go in"
            " clear."
        ),
    )
    ao_session_hosts: Words = Field(
        (),
        description="Hosts to which the venue's login may move the session, beside those of "
        "AO_BASE_URL's own domain.",
    )

    @field_validator("ao_user")
    @classmethod
    def _fits_the_ledger(cls, value: str) -> str:
        """Refuse a name with which PostgreSQL would refuse every bet: too long, or with a NUL."""
        if len(value) > LONGEST_USER:
            raise ValueError(
                f"is longer than {LONGEST_USER} characters, which is what the ledger holds of an"
                " account's name"
            )
        if not value.isprintable():
            raise ValueError("holds a character that cannot be seen; an account's name has none")
        return value

    @model_validator(mode="after")
    def _user_and_password(self) -> Self:
        if bool(self.ao_user) != bool(self.ao_pass.get_secret_value()):
            raise ValueError(
                "AO_USER and AO_PASS go together; leave both empty for the sandbox bookmaker"
            )
        return self

    @property
    def simulated(self) -> bool:
        """True without a user name: the sandbox bookmaker takes the venue's place."""
        return not self.ao_user

    @property
    def login(self) -> tuple[str, str]:
        """User name and password, of the simulator where there are none. Never log them."""
        if self.simulated:
            return SIMULATED_USER, SIMULATED_PASSWORD
        return self.ao_user, self.ao_pass.get_secret_value()

    @property
    def description(self) -> str:
        """Where the account is and what it is called there, for people."""
        return f"{self.ao_base_url} as {self.ao_user}"

    def account(self, currency: str, mode: ExecutionMode) -> Account:
        """Return the account of the settings, or the simulator's: DEMO, whatever ``mode`` is."""
        if self.simulated:
            return Account(SIMULATED, currency, COMMISSION, ExecutionMode.DEMO)
        return Account(AccountId(VENUE, self.ao_user), currency, COMMISSION, mode)

    @field_validator("ao_base_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        if not is_address(value, {"http", "https"}) or urlsplit(value).username:
            raise ValueError("must be an http(s) address without a user name")
        return value.rstrip("/")

    @field_validator("ao_bookies")
    @classmethod
    def _book_codes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return checked_books(value)

    @field_validator("ao_sports")
    @classmethod
    def _sport_numbers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("must be sport numbers such as 1,2")
        for word in value:
            if not (word.isascii() and word.isdigit() and int(word) in FOLLOWED):
                raise ValueError(_unknown_sport(word))
        return value


def _unknown_sport(word: str) -> str:
    """Return the sentence that refuses a sport, with the number of the nearest name.

    It does not repeat the word: no error shows a value.
    """
    numbers = {sport.name: str(number) for number, sport in FOLLOWED.items()}
    near = get_close_matches(word.lower(), numbers, n=1)
    hint = f" Did you mean {numbers[near[0]]} ({near[0]})?" if near else ""
    known = ", ".join(f"{number} ({name})" for name, number in numbers.items())
    return f"must be numbers of sports whose rules are modelled: {known}.{hint}"


class SandboxSettings(Group):
    """The bookmaker on localhost."""

    sandbox_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        0, description="Its port; 0 takes a free one."
    )
    sandbox_seed: int = Field(7, description="Seed of its fixtures and prices.")
    sandbox_speed: Annotated[float, Field(gt=0)] = Field(
        30, description="How many times faster than life its games are played."
    )
