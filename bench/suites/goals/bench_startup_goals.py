"""What starting costs, beside a Python that does nothing.

``import strataregula`` may add 30 ms to the 12 ms that Python takes to start and end on the machine where the
goals were set, ``strataregula --version`` 100 ms. As ratios in one run: 0.29 and 0.1 of the speed.
"""

import subprocess
import sys

from bench import benchmark


def run(*arguments):
    subprocess.run([sys.executable, "-I", *arguments], check=True, stdout=subprocess.DEVNULL)


@benchmark
def bare_python():
    run("-c", "pass")


@benchmark(budgets=["speed >= 0.29x bare_python"])
def import_strataregula():
    run("-c", "import strataregula")


@benchmark(budgets=["speed >= 0.1x bare_python"])
def print_version():
    run("-m", "strataregula.cli.main", "--version")
