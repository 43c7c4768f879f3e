"""What `make bench` measures. Nothing of this ships."""
