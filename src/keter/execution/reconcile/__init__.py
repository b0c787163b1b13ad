"""Makes ledger, venue and risk book agree."""
