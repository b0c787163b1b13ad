"""What every answer is made of, and what an answer other than 2xx looks like."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from keter.domain.accounts import LONGEST_ACCOUNT

_ISO = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)


def _spelled_out(value: object) -> object:
    """Refuse a bare number, which pydantic would take for seconds since 1970."""
    if not isinstance(value, str) or not _ISO.fullmatch(value):
        raise ValueError("a time is written as 2026-01-31T12:00:00Z")
    return value


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as e:
        raise ValueError("that time is beyond the calendar") from e


Moment = Annotated[AwareDatetime, BeforeValidator(_spelled_out), AfterValidator(_utc)]

Money = Annotated[str, Field(pattern=r"^-?\d+\.\d{2}$", examples=["-84.20"])]
Odds = Annotated[str, Field(pattern=r"^\d+(\.\d+)?$", examples=["2.04"])]
Percent = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$", examples=["3.41"])]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


AccountKey = Annotated[
    str, StringConstraints(min_length=3, max_length=LONGEST_ACCOUNT), Field(examples=["venue:name"])
]


class AccountQuery(Model):
    """Whose figures are asked for, as ``venue:name``; without it those of the first account."""

    account: AccountKey | None = None


class ProblemBody(Model):
    code: str
    message: str
    incident: str | None = None
    details: Any = None


class Problem(Model):
    """Every answer that is not 2xx."""

    error: ProblemBody


class OpenApi(BaseModel):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
