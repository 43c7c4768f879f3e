"""What surrounds the Chalice application: the resources beside it, and what stands in for AWS on a laptop."""
