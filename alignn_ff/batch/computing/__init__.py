"""What computes the structures of a batch: engines within a process, and processes."""
