"""Lets the AWS clients of a process wait longer for an answer, so that a busy database is neither asked again nor down.

What is asked again may be done twice: a try may count as two.
"""

from loading import once_loaded

READ_SECONDS = 60


def install():
    """Do so in this process, once it imports botocore."""
    once_loaded("botocore.httpsession", _make_patient)


def _make_patient(httpsession):
    make = httpsession.URLLib3Session.__init__

    def made(self, *arguments, timeout=None, **options):
        if isinstance(timeout, tuple):  # a client's; what looks for credentials gives one number
            timeout = (timeout[0], max(timeout[1], READ_SECONDS))
        make(self, *arguments, timeout=timeout, **options)

    httpsession.URLLib3Session.__init__ = made
