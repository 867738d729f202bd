"""One module for each family of system calls."""
