"""What Keter wants to bet. One folder a strategy."""
