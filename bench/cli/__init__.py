"""The command line: one module a command, ``bench.cli.main:main(argv) -> int``."""
