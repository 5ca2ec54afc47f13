"""The configuration: its models, where its values come from, and what is said about mistakes."""
