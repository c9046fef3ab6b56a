"""`drsn-agent top`: a live view of all agents and sensors on the terminal."""
