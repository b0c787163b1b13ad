"""What the dashboard raises alerts for: one module per subject, and the table of all rules."""
