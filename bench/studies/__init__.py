"""Studies of the gate itself: what this machine can resolve, and whether the gate works on it."""
