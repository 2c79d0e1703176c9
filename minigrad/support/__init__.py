"""What rooms share that knows no tensor: Python, and what errors say."""
