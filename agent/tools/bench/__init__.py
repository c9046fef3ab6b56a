"""`drsn-agent bench`: what a window costs on this machine, and how many sensors that is."""
