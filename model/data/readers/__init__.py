"""Readers of single files: one module for each format; `drsn.model.data.formats` is their table."""
