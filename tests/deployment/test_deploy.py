def test_a(operator, aws):
    code = operator.deploy()
    print(operator.said, operator.errors)
    assert code == 0
    code = operator.deploy()
    print(operator.said, operator.errors)
    assert code == 0
    code = operator.destroy()
    print(operator.said, operator.errors)
    assert code == 0
    assert 0
