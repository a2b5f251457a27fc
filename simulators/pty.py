"""Serial ports without hardware: pseudo-terminals behind a link, as udev makes one by a device's serial number."""

from __future__ import annotations

import fcntl
import os
import tty
from pathlib import Path


class Pty:
    """The end at `path` is for who opens a port, `master` is ours. Unplugged, who has it open gets EIO."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.master: int | None = None
        """Our end's descriptor, which never waits; None: it is unplugged."""
        self._slave = -1

    @property
    def busy(self) -> bool:
        """Whether somebody holds the port's exclusive lock."""
        if self.master is None:
            return False
        probe = os.open(os.ttyname(self._slave), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(probe)
        return False

    def plug(self) -> int:
        """The port is there. Gives `master`; OSError where the link cannot be made."""
        if self.master is not None:
            return self.master
        master, slave = os.openpty()  # our own descriptor of the far side keeps it alive between two users
        try:
            tty.setraw(slave)
            os.set_blocking(master, False)
            if self.path.is_symlink():  # of one that was killed; anything else is somebody's file
                self.path.unlink()
            self.path.symlink_to(os.ttyname(slave))
        except OSError:
            os.close(master)
            os.close(slave)
            raise
        self.master, self._slave = master, slave
        return master

    def unplug(self) -> None:
        """It is gone. Watch its descriptor no longer before."""
        if self.master is None:
            return
        self.path.unlink(missing_ok=True)
        os.close(self.master)
        os.close(self._slave)
        self.master = None
