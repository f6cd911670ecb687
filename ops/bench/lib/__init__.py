"""What the measurements of ops/bench share."""
