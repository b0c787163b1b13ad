"""What processes say of themselves: heartbeats, counters, alerts, decisions."""
