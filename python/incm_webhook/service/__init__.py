"""Builds the receiver and the plugins from the settings, and runs them as a process."""
