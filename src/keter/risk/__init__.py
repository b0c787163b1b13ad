"""What is allowed: one gate, limits, brakes, and the book that the guard keeps."""
