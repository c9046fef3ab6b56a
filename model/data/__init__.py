"""Loaders: one small module per data set, each yielding recordings."""
