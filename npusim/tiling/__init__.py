"""A frame in tiles: how many, of which shapes, at what cost, and whether the result stays the same."""
