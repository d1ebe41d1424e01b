"""Conversions that take time: lag families, the likelihood of cohorts by age, and the answers it supports."""
