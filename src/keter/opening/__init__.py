"""Open what the settings name: ``stores`` Redis and ledger, ``venues`` the account's venue."""
