"""Deleting the people that a target has from us, and nobody else."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from harness.core.counted import counted
from harness.core.errors import TargetError
from harness.core.people import email_pattern
from harness.provision.admin_api import AdminApi, PersistentServerError
from harness.provision.admin_job import AdminJob, each, some
from harness.provision.roster import TAG_KEY, Census

MAX_STUCK = 5
"""People that the target cannot delete, before it is the target that is broken."""
PASSES = 3


@dataclass
class Removal:
    job: AdminJob
    deleted: int = 0
    gone: int = 0  # deleted by somebody else meanwhile
    stuck: dict[UUID, str] = field(default_factory=dict)  # whom the target cannot delete -> what it says
    census: Census | None = None

    async def look(self) -> None:
        async with self.job.admin() as admin:
            self.census = await self.job.census(admin)
        self._report_skipped(self.census)

    async def work(self) -> None:
        async with self.job.admin() as admin:
            self.census = await self.job.census(admin)
            self._report_skipped(self.census)
            for _ in range(PASSES):
                left = [(address, who) for address, who in self.census.ours().items() if who not in self.stuck]
                if not left:
                    break
                await self._delete(admin, left)
                self.census = await self.job.census(admin)
        if self.census.ours():
            raise self._incomplete(self.census)

    async def _delete(self, admin: AdminApi, left: list[tuple[str, UUID]]) -> None:
        async def delete(item: tuple[str, UUID]) -> None:
            address, who = item
            try:
                if await admin.delete(who):
                    self.deleted += 1
                else:
                    self.gone += 1
            except PersistentServerError as error:
                self.stuck[who] = f"{address}: {error.what}"
                if len(self.stuck) >= MAX_STUCK:
                    raise
            self.job.display.advance()

        with self.job.display.work("removing people", len(left)):
            await each(left, delete, self.job.concurrency)

    def _incomplete(self, census: Census) -> TargetError:
        if self.stuck:
            reason = next(iter(self.stuck.values()))
            remedy = "see the target's Postgres log: a row may refer to them without ON DELETE CASCADE"
        else:
            reason, remedy = some(census.ours()), "see that nobody is provisioning at the same time"
        return TargetError(
            f"{counted(len(census.ours()), 'person is', 'people are')} still there: {reason}",
            where=f"target {self.job.target.name}",
            remedy=remedy,
        )

    def _report_skipped(self, census: Census) -> None:
        tag = self.job.target.people.tag
        if census.untagged:
            self.job.display.say(
                f"left alone: {len(census.untagged):,} with an address of the pattern but without "
                f"app_metadata.{TAG_KEY} = {tag!r}: {some(map(self._address, census.untagged))}"
            )
        if census.elsewhere:
            # By id: their addresses may be real people's.
            self.job.display.say(
                f"left alone: {len(census.elsewhere):,} with app_metadata.{TAG_KEY} = {tag!r} but an address that is "
                f"not {email_pattern(self.job.target.people)}: user ids {some(map(str, census.elsewhere))}"
            )

        if census.unmarked:
            self.job.display.say(
                f"left alone: {len(census.unmarked):,} who signed up during runs of an earlier harness, which did not "
                f"say of which target with this domain: user ids {some(map(str, census.unmarked))}"
            )

    def state(self) -> str:
        if self.census is None:
            return "nobody was removed; the list of existing people was being read"
        return f"{counted(self.deleted, 'person was', 'people were')} removed before that"

    def fault_schedule(self) -> str:
        """One line about what a cleanup would do."""
        assert self.census is not None
        ours, where = self.census.ours(), f"dry run, target {self.job.target.name}"
        examples = f", for example {some(sorted(ours))}" if ours else ""
        new = len(self.census.newcomers)
        signed_up = f", {new:,} of them signed up during runs" if new else ""
        return (
            f"{where}: {counted(len(ours), 'person', 'people')} would be removed{signed_up}{examples}; {self._kept()}"
        )

    def summary(self) -> str:
        """One line about what was done."""
        also = f" ({self.gone:,} were already gone)" if self.gone else ""
        who = counted(self.deleted, "person", "people")
        return f"target {self.job.target.name}: {who} removed{also}, none left; {self._kept()}"

    def _kept(self) -> str:
        assert self.census is not None
        half = len(self.census.untagged) + len(self.census.elsewhere)
        skipped = f"{half:,} with only one of address and tag left alone, " if half else ""
        return f"{skipped}{counted(self.census.others, 'other user')} untouched"

    def _address(self, index: int) -> str:
        return email_pattern(self.job.target.people).format(index=index)
