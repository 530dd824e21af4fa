"""The statistics of the guard: pure functions over sequences of floats, standard library only."""
