"""Data sets: what they are (no torch) and, in one file a family, how they are loaded."""

CHANNELS = {"digits": 1, "imagenet32": 3}
"""Colour channels of each data set's images."""

LOADABLE = ("digits",)
"""Data sets that this version can load; the others can be planned."""

CLASSES = {"digits": 10, "imagenet32": 1000}
"""Number of classes of each data set's labels."""
