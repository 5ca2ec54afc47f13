"""The bundled plugins; each file or folder is readable alone, and imports public names only."""
