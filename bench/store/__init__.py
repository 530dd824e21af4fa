"""[edge] What is written: reviewed baselines and the run files with every raw block."""
