"""`drsn-agent init`: from a sensor that publishes to a configuration and the first result."""
