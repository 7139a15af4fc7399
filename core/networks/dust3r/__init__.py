"""DUSt3R (Wang et al., CVPR 2024): configuration, blocks, heads, parameter names."""
