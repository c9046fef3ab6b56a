"""`drsn-agent evidence`: shows, draws and replays the windows behind an event."""
