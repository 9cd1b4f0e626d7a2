"""Many emulated devices on many processes and machines: ``await fleet(Plan(device="meter:report", devices=10_000))``.

The engine is Dask's ``distributed``: it starts the workers, sends them their devices, and gives the devices of a worker
that died to another one. Needs the extra ``fleet``.
"""

from .page import write_page
from .plan import FleetFaults, Outage, Plan
from .report import FleetReport
from .run import fleet

__all__ = ["FleetFaults", "FleetReport", "Outage", "Plan", "fleet", "write_page"]
