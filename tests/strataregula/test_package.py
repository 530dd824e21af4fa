"""The package as a stranger imports it: light, complete, and honest about names that are not there."""

import subprocess
import sys

import pytest

import strataregula


@pytest.mark.parametrize("name", strataregula.__all__)
def test_every_public_name_is_there(name):
    assert getattr(strataregula, name) is not None
    assert name in dir(strataregula)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Compiler'"):
        _ = strataregula.Compiler


@pytest.mark.integration
def test_importing_the_package_loads_nothing_heavy():
    program = "import sys, strataregula; print(*sorted(name for name in sys.modules if name.startswith('strataregula')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["strataregula"]


@pytest.mark.integration
def test_compiling_json_never_loads_yaml():
    program = (
        "import sys, strataregula; strataregula.ConfigCompiler().compile({'s': {'a.{1..3}': 1}}); "
        "print(*({'yaml', 'msgspec', 'click', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
