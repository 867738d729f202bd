"""What can be checked without running the kernel, and how well it is tested."""
