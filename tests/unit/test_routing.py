"""The routes of a site's modules, which one module gathers."""

from chalicelib.api.responses import Answer
from chalicelib.api.routing import Call, Routes


def routes_at(*paths):
    """A module's routes, one at each path."""
    routes = Routes()
    for path in paths:

        @routes.operation("GET", path)
        def show(call: Call) -> Answer:
            """Show it."""
            return Answer({})

    return routes


def test_the_routes_of_all_modules_are_taken_and_none_is_taken_from_them():
    own = routes_at("/orders")
    stock, prices = routes_at("/stock", "/stock/{item}"), routes_at("/prices", "/prices/{item}")
    own.include(stock, prices)
    own.include(routes_at("/news"))
    assert [each.path for each in own.operations] == [
        *("/orders", "/stock", "/stock/{item}", "/prices", "/prices/{item}"),
        "/news",
    ]
    assert [each.path for each in stock.operations] == ["/stock", "/stock/{item}"]
