"""Fits that take a process of their own: submitted, watched, limited, and kept with their draws."""
