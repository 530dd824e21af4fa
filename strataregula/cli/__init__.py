"""The command line: one module a command; data to standard output, everything else to standard error."""
