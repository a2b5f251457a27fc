"""Why there is no answer from a running segment."""


class NotRunning(Exception):
    """No gateway answers at this socket, or it has stopped answering."""


class Refused(Exception):
    """The gateway answered that it will not, or the system does not let us ask; the message says why."""
