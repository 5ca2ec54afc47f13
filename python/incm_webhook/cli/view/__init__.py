"""Formats data for people: tables, times, states."""
