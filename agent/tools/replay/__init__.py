"""`drsn-agent replay`: publishes recordings as sensors."""
