"""The library's version."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("wganlib")
except PackageNotFoundError:  # a checkout that was not installed, such as a copy carried to a GPU machine
    __version__ = "0+unknown"
