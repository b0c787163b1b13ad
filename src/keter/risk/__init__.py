"""What is allowed: one gate, its caps, the brakes of the day, and the guard's risk book."""
