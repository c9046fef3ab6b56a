"""The public JSON documents."""
