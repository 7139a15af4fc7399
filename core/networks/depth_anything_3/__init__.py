"""Depth Anything 3, SMALL and BASE (Lin et al. 2025, arXiv 2511.10647): photos in, depth maps and cameras out.

Written anew from a description of the published network's behaviour.
"""
