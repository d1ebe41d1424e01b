"""Counting from an event table: what is asked, how the table is laid out, one statement, one cube."""
