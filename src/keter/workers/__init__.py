"""One file per process, thin: take from the bus, call a gate, pass on."""
