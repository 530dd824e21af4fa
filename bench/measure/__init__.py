"""What runs inside a worker process: clocks, the reference kernel, warm-up, meters."""
