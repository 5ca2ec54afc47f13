"""The bundled plugins; each file is readable alone, and imports public names only."""
