"""The configuration: its models, the sources of its values, and the messages about mistakes."""
