"""What can be told of a mapping before it runs: types of what it is given, of what it makes, and where they miss."""
