"""The paper venue of DRY: a bet venue with real prices and simulated bets."""
