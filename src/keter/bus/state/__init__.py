"""Hot state in Redis: prices, risk book, trading state, sessions."""
