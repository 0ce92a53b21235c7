"""Tables and figures from collected results."""
