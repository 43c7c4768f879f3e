"""The command that says what each thief gets of an account: `python -m infra.doctor`, or `make doctor`."""
