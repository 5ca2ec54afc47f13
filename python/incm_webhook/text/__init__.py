"""Turns exceptions, secrets and arbitrary text into text that is safe to show."""
