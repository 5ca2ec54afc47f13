"""How data is shown to people: tables, times, states."""
