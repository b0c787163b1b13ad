"""What every answer is made of, and what an answer other than 2xx looks like."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Money = Annotated[str, Field(pattern=r"^-?\d+\.\d{2}$", examples=["-84.20"])]
Odds = Annotated[str, Field(pattern=r"^\d+(\.\d+)?$", examples=["2.04"])]
Percent = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$", examples=["3.41"])]
Level = Literal["page", "ticket", "info"]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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
