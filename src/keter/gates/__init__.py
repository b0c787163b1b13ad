"""Yes or no, with a reason: pure functions of (input, context). They import no I/O library."""
