"""Picture of a frame on its way through a network: input, feature maps, scores."""
