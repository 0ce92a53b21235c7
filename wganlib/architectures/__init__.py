"""Pairs of generator and critic. The descriptions need no torch; `build` makes modules of them."""
