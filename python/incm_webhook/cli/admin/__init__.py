"""Where commands get their data: the admin API of a running server, or the inbox file."""
