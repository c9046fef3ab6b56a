"""What a person reads after a training: metrics, tables, pictures."""
