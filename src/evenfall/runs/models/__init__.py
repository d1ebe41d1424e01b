"""Fits looked at, made again with another engine, and compared with other models; nothing is published."""
