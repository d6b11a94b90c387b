"""Is the connection encrypted, and the certificate one that we trust, for a while yet?"""

from __future__ import annotations

from harness.doctor.facts import Facts
from harness.doctor.model import Answer, ok, wrong

FEW_DAYS = 3.0


def judge(facts: Facts) -> Answer:
    host, port = facts.target.host, facts.target.port
    if facts.tls_problem:
        return wrong(
            facts.tls_problem,
            f"openssl s_client -connect {host}:{port} -servername {host} shows the certificate; name a private "
            "authority in SSL_CERT_FILE, and write https:// in url",
        )
    if facts.tls_days_left is not None and facts.tls_days_left < FEW_DAYS:
        return wrong(f"the certificate ends in {facts.tls_days_left:.1f} days", "renew it before the rehearsal")
    if facts.tls_days_left is not None:
        return ok(f"trusted, {facts.tls_days_left:.0f} days left")
    return ok("no TLS, and none needed: loopback or a private network")
