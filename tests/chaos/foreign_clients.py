"""Runs in an environment of its own: toxiproxy-python and chaostoolkit-toxiproxy, unmodified, against one API.

python foreign_clients.py toxiproxy|chaostoolkit HOST PORT
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def toxiproxy_python(host: str, port: int) -> None:
    from toxiproxy import Toxiproxy
    from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

    server = Toxiproxy()
    server.update_api_consumer(host, port)
    assert server.running()
    assert b"version" in server.version()
    proxy = server.create(upstream="127.0.0.1:9", name="py")
    assert set(server.proxies()) == {"py"}
    refused = False
    try:
        server.create(upstream="127.0.0.1:9", name="py")
    except ProxyExists:
        refused = True
    assert refused
    proxy.add_toxic(type="latency", attributes={"latency": 5, "jitter": 1})
    proxy.add_toxic(type="bandwidth", name="slow", stream="upstream", toxicity=0.5, attributes={"rate": 100})
    toxics = proxy.toxics()
    assert toxics["latency_downstream"].attributes == {"latency": 5, "jitter": 1}
    assert (toxics["slow"].stream, toxics["slow"].toxicity) == ("upstream", 0.5)
    wrongs: tuple[tuple[Callable[[], object], type[Exception]], ...] = (
        (lambda: proxy.add_toxic(type="nonsense"), InvalidToxic),
        (lambda: proxy.destroy_toxic("none"), NotFound),
    )
    for wrong, kind in wrongs:
        try:
            wrong()
        except kind:
            continue
        raise AssertionError(kind)
    assert proxy.destroy_toxic("slow")
    assert proxy.get_toxic("slow") is None
    with proxy.down():
        assert server.get_proxy("py").enabled is False
    assert server.get_proxy("py").enabled is True
    assert server.reset()
    assert proxy.toxics() == {}
    listen = server.get_proxy("py").listen
    server.populate([{"name": "py", "upstream": "127.0.0.1:8", "listen": listen}])
    assert server.get_proxy("py").upstream == "127.0.0.1:8"
    server.destroy_all()
    assert server.proxies() == {}


def chaostoolkit(host: str, port: int) -> None:
    from chaostoxi.proxy import actions, probes
    from chaostoxi.toxic import actions as toxics

    configuration: dict[str, Any] = {"toxiproxy_host": host, "toxiproxy_port": port}
    assert actions.create_proxy("ct", "127.0.0.1", 9, listen_host="127.0.0.1", configuration=configuration)
    assert int(configuration["ct_PORT"])
    assert probes.proxy_exist("ct", configuration)
    assert actions.modify_proxy("ct", upstream_address="127.0.0.1:8", configuration=configuration)
    assert probes.get_proxy_attribute("ct", "upstream", configuration) == "127.0.0.1:8"
    made = (
        toxics.create_latency_toxic("ct", "l", 5, 1, configuration=configuration),
        toxics.create_bandwith_degradation_toxic("ct", "b", 100, configuration=configuration),
        toxics.create_slow_connection_close_toxic("ct", "c", 5, configuration=configuration),
        toxics.create_timeout_toxic("ct", "t", 5, configuration=configuration),
        toxics.create_slicer_toxic("ct", "s", 10, 2, 3, configuration=configuration),
        toxics.create_limiter_toxic("ct", "d", 100, configuration=configuration),
    )
    assert all(made)
    assert len(probes.get_proxy_attribute("ct", "toxics", configuration)) == len(made)
    assert toxics.delete_toxic("ct", "l", configuration)
    assert actions.disable_proxy("ct", configuration)
    assert probes.get_proxy_attribute("ct", "enabled", configuration) is False
    assert actions.enable_proxy("ct", configuration)
    actions.reset(configuration)
    assert probes.get_proxy_attribute("ct", "toxics", configuration) == []
    actions.delete_proxy("ct", configuration)
    assert not probes.proxy_exist("ct", configuration)


if __name__ == "__main__":
    {"toxiproxy": toxiproxy_python, "chaostoolkit": chaostoolkit}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
