"""The personas, for `locust -f scenarios/locustfile.py` and for `harness run`."""

from scenarios.chatter import Chatter
from scenarios.reader import Reader
from scenarios.swiper import Swiper

__all__ = ["Chatter", "Reader", "Swiper"]
