"""Option of ``make browser``."""


def pytest_addoption(parser):
    parser.addoption("--screenshots", metavar="DIR", help="write pictures of the page to DIR")
