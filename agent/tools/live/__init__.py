"""Follows the documents of all agents under a prefix: for `watch`, `top` and the bridges."""
