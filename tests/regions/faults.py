"""What goes wrong between machines: links that are cut, regions that are lost, and requests that stand still."""

import threading

from tests.regions.homes import Unreachable
from tests.support.samples import NOW

REGIONS = ("eu", "us")


class Network:
    """The links between the regions, the arbiter and the front door, and what happens to them."""

    def __init__(self, world):
        self._world = world
        self.regions = {}
        self.cut = set()
        self.down = set()
        """Regions that nobody outside reaches. They run on inside."""
        self.is_stalled = False
        """Whether nothing is replicated, though the link is up."""

    def is_up(self, one, other):
        if one in self.down or other in self.down:
            return False
        return not self.cut or frozenset((one, other)) not in self.cut

    def check(self, one, other):
        if not self.is_up(one, other):
            raise Unreachable

    def reach(self, one, other):
        self.check(one, other)
        return self.regions[other]

    def other(self, name):
        return REGIONS[1 - REGIONS.index(name)]

    def lose_the_answer(self):
        if self._world.has_bad_luck(0.1):
            raise Unreachable

    def replicates(self):
        return self.is_up(*REGIONS) and not self.is_stalled

    def wait_for(self, replicator, items):
        """A server waits for a moment until its standby has some items. It may wait in vain."""
        if self.replicates() and self._world.chance(0.95):
            replicator.deliver(self._world.shuffled(replicator.of_items(items)))

    def catch_up(self, replicator):
        """A server waits until its standby has everything."""
        if self.is_stalled:
            raise Unreachable
        replicator.deliver(self._world.shuffled(replicator.underway))

    def interrupted(self, home, region, copy):
        """Note an interruption, by the true time."""
        offset = self._world.offsets[region.name]
        self._world.interruptions[home].append((copy.quiet_since - offset, copy.began_at - offset))
        self._world.note(f"home {home}: {region.name} answers from {copy.began_at - offset - NOW:.0f} on")

    def note(self, what):
        self._world.counts[what] += 1
        self._world.note(what)


class Killed(BaseException):
    """Raised in a request that Lambda ends."""


class SlowRequest:
    """A request that stands still before one of its steps, until it is let go on or is ended."""

    def __init__(self, send, stop_at, *, who, told, waits_until, ends_at):
        """``waits_until``: when whoever has sent it waits no longer. ``ends_at``: when Lambda ends it."""
        self._left = stop_at
        self.who, self.told, self.waits_until, self.ends_at = who, told, waits_until, ends_at
        self._go_on, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._is_killed = False
        self.is_over = False
        self.answer = None
        self._thread = threading.Thread(target=self._run, args=(send,), daemon=True)
        self._thread.start()
        self._stands.acquire()

    def go_on(self, *, killed=False):
        """Let it go on to its end."""
        if self.is_over:
            return
        self._is_killed = killed
        self._go_on.release()
        self._stands.acquire()
        self._thread.join()

    def _run(self, send):
        try:
            self.answer = send(self._pause)
        except Killed:
            pass
        except BaseException as broken:
            self.answer = broken
        finally:
            self.is_over = True
            self._stands.release()

    def _pause(self):
        self._left -= 1
        if self._left == 0:
            self._stands.release()
            self._go_on.acquire()
            if self._is_killed:
                raise Killed
