"""What an operator may do to trading, the same for command line, page and Telegram."""
