"""JMESPath and our functions, compiled to Python and counted while they run."""
