"""The compiler's stages, from text to a compiled configuration; import them from ``strataregula``."""
