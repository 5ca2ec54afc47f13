"""Fetches deliveries from the core, calls plugins, and settles each outcome."""
