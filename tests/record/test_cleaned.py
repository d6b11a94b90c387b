"""What a target said reaches no table and no manifest with a secret in it."""

from __future__ import annotations

import base64
import json
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.core.rows import Rows
from harness.core.secret import Secret
from harness.core.secret_filter import MASK, SecretFilter
from harness.core.tables import DELIVERY, VIOLATIONS
from harness.record.cleaned import cleaned
from harness.record.manifest import Evidence
from harness.record.store import RunStore, open_run
from tests.record.test_store import manifest

KEY = "canary-service-key-0123456789"
CODED = base64.b64encode(KEY.encode()).decode()


def told(*texts: str) -> pa.RecordBatch:
    return Rows(
        DELIVERY, [(1, 0, "heard", 3, str(uuid.uuid4()), str(uuid.uuid4()), text, None) for text in texts]
    ).batch()


def test_secrets_in_any_text_column_are_masked_and_the_rest_is_untouched() -> None:
    batch = told("fine", f"you sent {KEY}", "", f"{CODED[:20]}\n{CODED[20:]}")
    found = cleaned(batch, words=SecretFilter([KEY]))
    assert found.schema.equals(batch.schema)
    details = found["detail"].to_pylist()
    assert details[:3] == ["fine", f"you sent {MASK}", ""]
    assert MASK in details[3]
    assert found["key"].equals(batch["key"])
    assert found.num_rows == 4


def test_a_clean_batch_is_handed_on_as_it_is() -> None:
    batch = told("fine", "also fine")
    assert cleaned(batch, words=SecretFilter([KEY])) is batch


def test_a_secret_that_looks_like_an_id_is_one_all_the_same() -> None:
    secret = str(uuid.uuid4())
    found = cleaned(told(secret), words=SecretFilter([secret]))
    assert found["detail"].to_pylist() == [MASK]


def test_all_columns_where_nothing_is_ours() -> None:
    batch = pa.RecordBatch.from_pydict({"emoji": ["x", KEY, None], "number": [1, 2, 3]})
    assert cleaned(batch, None, SecretFilter([KEY]))["emoji"].to_pylist() == ["x", MASK, None]


@pytest.mark.parametrize("killed", [False, True])
def test_the_record_holds_none_of_it(tmp_path: Path, killed: bool) -> None:
    Secret(KEY)
    store = RunStore.create(tmp_path / "run", manifest(target_name=f"a {KEY} b"))
    store.append(DELIVERY, told(KEY, "fine", CODED))
    store.append(VIOLATIONS, Rows(VIOLATIONS, [(1, 0, 1, 1, "home_feed", "owner", "foreign", CODED, KEY)]).batch())
    store.update(abort_reason=f"the target said {KEY}\x9b31m", evidence=Evidence(problem=json.dumps(CODED)))
    assert KEY not in str(store.manifest)
    if not killed:
        store.close()
    run = open_run(tmp_path / "run")
    held = f"{run.manifest!r} {run.delivery().to_pylist()} {list(run.rows(VIOLATIONS, ['subject', 'detail']))}"
    for file in (tmp_path / "run").rglob("*"):
        if file.is_file():
            held += file.read_bytes().decode("latin-1")
            held += str(pq.read_table(file).to_pylist()) if file.suffix == ".parquet" else ""
    assert KEY not in held
    assert CODED.rstrip("=") not in held
    assert MASK in run.manifest.abort_reason
    assert "\x9b" not in (tmp_path / "run" / "manifest.json").read_text()
