"""One file a family of architectures."""
