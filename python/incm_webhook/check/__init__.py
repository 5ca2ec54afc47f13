"""What `check` looks at before a server starts, one module a subject."""
