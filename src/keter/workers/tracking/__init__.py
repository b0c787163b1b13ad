"""The parts of the tracker: what tickets mean, how ledger and venue are made equal, what else must agree."""
