"""Code that each process of a local cluster runs first."""

import signal


def dask_setup(worker: object) -> None:
    """Leave Ctrl-C to the process that started the cluster: it stops the devices, and wants their figures."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
