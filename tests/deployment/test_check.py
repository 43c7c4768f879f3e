"""`--check` says of each thing that a deployment needs whether it is there, and changes nothing."""
def test_x(operator, aws):
    code = operator.deploy("--check")
    print("\n".join(operator.lines), operator.errors)
    assert code == 5
