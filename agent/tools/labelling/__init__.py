"""`drsn-agent label` and `false-alarm`: the windows of events become labelled recordings for the next training."""
