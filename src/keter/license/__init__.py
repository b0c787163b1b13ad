"""The licence that LIVE betting asks for."""
