"""The Redis that Keter works on: chosen, run, probed and watched."""
