"""A finished :class:`bench.model.Report` in, text out. Nothing here measures, compares or decides."""
