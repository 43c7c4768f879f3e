"""Everything around the Chalice application: its AWS resources, their deployment, and AWS emulation for development."""
