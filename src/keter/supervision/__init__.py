"""Start, watch and stop Keter's processes."""
