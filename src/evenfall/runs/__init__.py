"""The daily story: plan, update, keep, deliver."""
