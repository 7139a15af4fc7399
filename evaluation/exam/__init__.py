"""The exam: how far results are from the truth, on photos with known cameras and on scenes made for it."""
