"""State that survives a restart: database, journal, poison guard, state directory."""
