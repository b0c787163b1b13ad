"""Settings of the paper venue, which takes the place of every bookmaker in DRY. Pure."""

from typing import Annotated

from pydantic import Field

from keter.setting_kinds import Group, Percent, Seconds


class PaperSettings(Group):
    """How DRY fills are simulated. Defaults come from 1,497 real bets."""

    paper_refusal_rate: Annotated[float, Field(ge=0, le=1)] = Field(
        0.24, description="Share of placements refused."
    )
    paper_accept_median_s: Seconds = Field(14, description="Median seconds to acceptance.")
    paper_accept_p90_s: Seconds = Field(43, description="90th percentile of the same.")
    paper_refuse_median_s: Seconds = Field(0.5, description="Median seconds to refusal.")
    paper_drift_pct: Percent = Field(
        0.5, description="Standard deviation of the price drift between quote and placement."
    )
    paper_speed: Annotated[float, Field(gt=0)] = Field(
        1, description="Divides the delays; for demonstrations."
    )
