"""What is true without a clock, a disk or a process. Time is an argument."""
