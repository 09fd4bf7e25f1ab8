"""The robot storage: requests, jobs, robots, carriers and boxes. The front door for other contexts."""

from chalicelib.robots.fleet.setup import (
    Balcony,
    Box,
    NewBox,
    NewCarrier,
    create_balcony,
    create_boxes,
    create_carriers,
    create_level,
    register_bots,
)
from chalicelib.robots.rules import RobotPick
from chalicelib.robots.service import request_fulfilment

__all__ = [
    "Balcony",
    "Box",
    "NewBox",
    "NewCarrier",
    "RobotPick",
    "create_balcony",
    "create_boxes",
    "create_carriers",
    "create_level",
    "register_bots",
    "request_fulfilment",
]
