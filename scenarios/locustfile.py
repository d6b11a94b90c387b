"""The personas, for `locust -f scenarios/locustfile.py` and for `harness run`."""

from scenarios.assistant_user import AssistantUser
from scenarios.chatter import Chatter
from scenarios.commuter import Commuter
from scenarios.newcomer import Newcomer
from scenarios.reader import Reader
from scenarios.searcher import Searcher
from scenarios.swiper import Swiper

__all__ = ["AssistantUser", "Chatter", "Commuter", "Newcomer", "Reader", "Searcher", "Swiper"]
