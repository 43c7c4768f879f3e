"""What `make smoke` says: a line for each check, of a failure what is wrong and what to do, and how many there were.

It takes the place of pytest's own reports, whose failures show values, and values may be passwords and tokens. Of a
test of the API it shows the statement that failed and the statuses of its answers, nothing else.
"""

import pytest

from tests.support.live.client import LIVE

_NAMES = {word.lower(): word for word in ("API", "ASCII", "HTTP", "JSON", "OpenAPI", "TLS", "URL")}


class WrongError(AssertionError):
    """Raised by a check of a live site: what is wrong, with nothing secret in it, and what to do about it."""

    def __init__(self, wrong, remedy):
        super().__init__(wrong)
        self.wrong = wrong
        self.remedy = remedy


def check(holds, wrong, remedy):
    """Raise WrongError unless something holds."""
    if not holds:
        raise WrongError(wrong, remedy)


class Report:
    """A pytest plugin for one run at one site."""

    def __init__(self, live, say):
        self._live = live
        self._say = say
        self._heading = None
        self._passing = None
        """The sentence whose cases pass, and how many have."""
        self.passed = []
        self.failed = []
        self.left_out = []

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config):
        config.stash[LIVE] = self._live
        config.pluginmanager.unregister(name="terminalreporter")

    def pytest_runtest_setup(self):
        self._live.exchanges.clear()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        name, _, case = item.name.partition("[")
        report.sentence = " ".join(_NAMES.get(word, word) for word in name.removeprefix("test_").split("_"))
        report.sentence = report.sentence[0].upper() + report.sentence[1:]
        report.case = case.rstrip("]").removeprefix(self._live.place).removeprefix("-")
        report.heading = item.module.__doc__.splitlines()[0]
        if report.failed:
            report.wrong, report.remedy = self._explain(item, call.excinfo)
        return report

    def pytest_runtest_logreport(self, report):
        if report.when != "call" and report.passed:
            return
        if report.heading != self._heading:
            self._flush()
            self._heading = report.heading
            self._say("")
            self._say(report.heading)
        if report.passed:
            self.passed.append(report.nodeid)
            self._pass(report.sentence)
            return
        self._flush()
        case = f" [{report.case}]" if report.case else ""
        if report.skipped:
            self.left_out.append(report.nodeid)
            reason = getattr(report, "wasxfail", None) or report.longrepr[2].removeprefix("Skipped: ")
            self._say(f"  -     {report.sentence}{case}. Left out: {reason}")
            return
        self.failed.append(report.nodeid)
        self._say(f"  FAIL  {report.sentence}{case}.")
        for line in report.wrong.splitlines():
            self._say(f"        {line}")
        self._say(f"        What to do: {report.remedy}")

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed.append(report.nodeid)
            self._say(f"  FAIL  {report.nodeid} cannot be read:\n{report.longreprtext}")

    def pytest_sessionfinish(self):
        self._flush()

    def close(self):
        """Say how it went as a whole, and return whether nothing failed. What is cleared away has been."""
        for username in self._live.left:
            self.failed.append(username)
            self._say("")
            self._say(f"  FAIL  The account {username} may be left.")
            self._say(
                "        What to do: It can do nothing but log in, and nobody knows its password. To remove it, delete "
                "its item of the users' table."
            )
        if self._live.no_accounts and not self._live.registrations:
            self._say("")
            self._say("  -     Not one account was to be had, so nothing that needs one was checked.")
            self._say(f"        The reason: {self._live.no_accounts}.")
        self._say("")
        left_out = f", {len(self.left_out)} left out" if self.left_out else ""
        self._say(
            f"{self._live.site.origin}: {len(self.passed)} passed, {len(self.failed)} failed{left_out}"
            f" ({self._live.requests} requests, {self._live.failed_log_ins} of them log-ins that were to fail;"
            f" accounts registered: {self._live.registrations})"
        )
        return not self.failed

    def _pass(self, sentence):
        if self._passing and self._passing[0] == sentence:
            self._passing = (sentence, self._passing[1] + 1)
        else:
            self._flush()
            self._passing = (sentence, 1)

    def _flush(self):
        if self._passing:
            sentence, times = self._passing
            self._say(f"  ok    {sentence}{f' ({times} cases)' if times > 1 else ''}.")
            self._passing = None

    def _explain(self, item, excinfo):
        if isinstance(excinfo.value, WrongError):
            return excinfo.value.wrong, excinfo.value.remedy
        own = [entry for entry in excinfo.traceback if entry.path == item.path]
        statement = f"{item.path.name}:{own[-1].lineno + 1}: {str(own[-1].statement).strip()}" if own else item.nodeid
        if not isinstance(excinfo.value, AssertionError):
            statement += f" ({excinfo.typename})"
        exchanges = self._live.exchanges
        if not exchanges:
            return statement, "This is not about the site, which was not asked."
        broken = next((exchange for exchange in exchanges if exchange.is_broken), None)
        remedy = item.get_closest_marker("live_safe").kwargs.get("remedy")
        return f"{statement}\n{'; '.join(map(str, exchanges))}", (
            broken.remedy() if broken else remedy or exchanges[-1].remedy()
        )
