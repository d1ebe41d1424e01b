"""The No-U-Turn sampler: models compiled once, kernels of models written in arrays, chains."""
