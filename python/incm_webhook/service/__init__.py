"""Composes receiver and plugins out of the settings, and runs them as a process."""
