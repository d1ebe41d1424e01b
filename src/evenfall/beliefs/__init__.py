"""What is believed and what was seen: families, sums that add, and the exact update of one by the other."""
