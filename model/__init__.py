"""The science: contract, conditioning, networks, noise, data sets, training."""
