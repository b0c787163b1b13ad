"""The paper gateway: a bet venue whose prices are real and whose bets are not."""

from keter.venues.paper.gateway import PaperGateway

__all__ = ["PaperGateway"]
