"""The commands of an operator: the client side of `rpc`."""
