"""Looking inside while developing: where time goes, which lines take memory, who allocated it."""

from __future__ import annotations

from bench.profiling.allocations import AllocationTrace as AllocationTrace
from bench.profiling.allocations import trace_memory_allocations as trace_memory_allocations
from bench.profiling.lines import LineMemory as LineMemory
from bench.profiling.lines import profile_memory as profile_memory
from bench.profiling.time import FunctionProfile as FunctionProfile
from bench.profiling.time import profile_function as profile_function
from bench.profiling.wrapping import ProfilingWarning as ProfilingWarning
