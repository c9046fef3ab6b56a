"""`drsn-web`: a page for people, over HTTP. It is one more MQTT client, of all agents under a prefix."""
