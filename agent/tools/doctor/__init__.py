"""`drsn-agent doctor`: checks everything that the agent needs, and gives a remedy for each problem."""
