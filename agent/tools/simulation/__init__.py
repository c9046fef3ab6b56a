"""`drsn-agent simulate`: false alarms and delays of one bundle under one configuration, on recordings."""
