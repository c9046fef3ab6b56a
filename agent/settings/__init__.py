"""Settings: their sections, types, loader and credentials."""
