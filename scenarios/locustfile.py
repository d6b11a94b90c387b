"""The personas, for `locust -f scenarios/locustfile.py` and for `harness run`."""

from scenarios.chatter import Chatter
from scenarios.newcomer import Newcomer
from scenarios.reader import Reader
from scenarios.searcher import Searcher
from scenarios.swiper import Swiper

__all__ = ["Chatter", "Newcomer", "Reader", "Searcher", "Swiper"]
