"""The paper gateway: a bet venue whose prices are real and whose bets are not."""
