"""What a run shows while it trains: numbers, TensorBoard, sample grids, progress."""
