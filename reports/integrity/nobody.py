"""Nobody's rows: what the run's people have in the run's time that no phone made. (pure)

A row with an id of this run leads to its write by arithmetic (I06). These rows have none: stored under a new id, once
more, by somebody else. What the server makes by itself for a person is known and left out: dwells that follow from a
status (contract 3.4), rows of onboarding (contract 6.5), replies of the assistant.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from reports.integrity.columns import Flags, Integers, integers
from reports.integrity.contents import Accounts, mixed

ONBOARDING = "onb"


def events(others: pa.Table, accounts: Accounts, span: tuple[int, int]) -> Integers:
    """Rows of `others` (without an id of this run) that nobody made; see `_within` for `span`."""
    own = np.asarray(pc.is_valid(others["synthetic"])) | np.asarray(
        pc.fill_null(pc.equal(others["key_made_by"], ONBOARDING), False)
    )
    return np.flatnonzero(_within(others, "created_at", span) & accounts.ours(mixed(others["user_id"])) & ~own)


def messages(others: pa.Table, accounts: Accounts, span: tuple[int, int], changed: Iterable[bytes]) -> Integers:
    """Likewise of messages. `changed`: rows that a phone edited or deleted, and so knew."""
    known = np.asarray(pc.is_in(others["id"], value_set=pa.array(list(changed), pa.binary(16))))
    replies = np.asarray(pc.is_valid(others["triggered_by_message_id"]))
    ours = accounts.ours(mixed(others["user_id"]))
    return np.flatnonzero(_within(others, "created_at", span) & ours & ~known & ~replies)


def rows(stored: pd.DataFrame, at: str, key: list[str], explained: pd.DataFrame, users: set[bytes]) -> pd.DataFrame:
    """Rows of a table without client-made ids whose `key` stands in no write of this run.

    :param stored: rows of the run's time, by column `at`.
    :param explained: the keys that writes name.
    :param users: accounts whose writes the ledger can tell, `key` ends with the column of the account.
    """
    mine = stored[stored[key[-1]].isin(users) & stored[at].notna()]
    known = pd.MultiIndex.from_frame(explained[key])
    return mine[~pd.MultiIndex.from_frame(mine[key]).isin(known)]


def _within(table: pa.Table, column: str, span: tuple[int, int]) -> Flags:
    """Rows from the run's zero to the ledger's last word, microseconds since 1970."""
    at = integers(table[column])
    flags: Flags = (at >= span[0]) & (at <= span[1])
    return flags
