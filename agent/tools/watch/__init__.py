"""`drsn-agent watch`: alarms as they come, one line each."""
