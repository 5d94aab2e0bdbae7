"""A generated package as its folder holds it; the layer, weights and arguments it is given."""
