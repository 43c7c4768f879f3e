"""What happens around a deployment: what its alarms say, and the way back."""
