"""Rates of many slices that borrow strength from each other."""
