"""One meter a metric; each receives a ready :class:`~bench.measure.target.Target` and returns raw samples."""
