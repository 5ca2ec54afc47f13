"""The parent process that keeps the port open, and systemd's protocols."""
