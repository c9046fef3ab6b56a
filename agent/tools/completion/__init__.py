"""`drsn-agent completion`: scripts with which bash and zsh complete the three commands."""
