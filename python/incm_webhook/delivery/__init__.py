"""Takes deliveries from the core, calls plugins, and settles what became of each."""
