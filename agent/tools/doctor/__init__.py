"""`drsn-agent doctor`: looks at everything that the agent needs, and says what to do about what is wrong."""
