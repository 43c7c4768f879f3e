"""Restoring the tables of a stage: a drill, accounts of an earlier time, and tables that were deleted."""
