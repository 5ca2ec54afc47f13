"""Turns exceptions, secrets and strange bytes into text that is safe to show."""
