"""Ways to reach agents."""
