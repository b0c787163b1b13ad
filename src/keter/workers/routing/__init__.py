"""The parts of the router: the world it looks at, the lock it holds, the steps of one placement."""
