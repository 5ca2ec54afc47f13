"""Finds, loads and runs the code of plugins, in threads or in processes of their own."""
