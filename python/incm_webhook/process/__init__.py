"""Handles the process as a whole: its signals, its children, its end."""
