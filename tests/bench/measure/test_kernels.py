import gc

from bench.measure.kernels import reference_kernel


def test_every_iteration_does_the_same_work():
    assert len({reference_kernel() for _ in range(5)}) == 1


def test_nothing_is_left_for_the_collector():
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            reference_kernel()
        assert gc.collect() == 0
    finally:
        gc.enable()
