"""Creating the people that a target does not have yet."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.counted import counted
from harness.core.errors import TargetError
from harness.core.people import email_pattern
from harness.core.secret import NOTHING
from harness.provision.admin_api import AdminApi
from harness.provision.admin_job import AdminJob, each, some
from harness.provision.roster import TAG_KEY, Census, new_user


@dataclass
class Provisioning:
    job: AdminJob
    count: int
    created: int = 0
    raced: int = 0  # taken between our look and our leap
    census: Census | None = None

    async def work(self) -> None:
        job, password = self.job, self.job.keys.password or NOTHING
        async with job.admin() as admin:
            self.census = await job.census(admin)
            missing = list(self.census.missing(self.count))
            await self._check_password(admin, self.census)

            async def create(index: int) -> None:
                if await admin.create(new_user(index, job.target.people, password.reveal())):
                    self.created += 1
                else:
                    self.raced += 1
                job.display.advance()

            with job.display.work("creating people", len(missing)):
                await each(missing, create, job.concurrency)
            if self.raced:
                self.census = await job.census(admin)
                self._all_there(self.census)

    async def _check_password(self, admin: AdminApi, census: Census) -> None:
        """Asks a few of those who are there already: no phone could sign in with a password that was changed since.

        :raises TargetError: it opens none of the accounts that were asked.
        """
        found = sorted(index for index in census.mine if index < self.count)
        asked = sorted({found[0], found[len(found) // 2], found[-1]}) if found else []
        pattern, password = email_pattern(self.job.target.people), (self.job.keys.password or NOTHING).reveal()
        for index in asked:
            if await admin.signs_in(pattern.format(index=index), password, self.job.keys.anon.reveal()) is False:
                raise TargetError(
                    f"{len(found):,} of the people are there, but {pattern.format(index=index)} cannot sign in with "
                    "the password in the environment: they were made with another one",
                    where=f"target {self.job.target.name}, people.password_env",
                    remedy="export the password they were made with, or remove them first: harness users cleanup",
                )

    def _all_there(self, census: Census) -> None:
        gone = list(census.missing(self.count))
        if gone:
            pattern = email_pattern(self.job.target.people)
            raise TargetError(
                f"the target says that {some(pattern.format(index=index) for index in gone)} exist, but does not "
                "list them",
                where=f"target {self.job.target.name}",
                remedy="look for soft-deleted users, or somebody who removes them meanwhile; another people.tag helps",
            )

    def state(self) -> str:
        if self.census is None:
            return "nobody was created; the list of existing people was being read"
        created = counted(self.created, "person was", "people were")
        return f"{created} created before that, of {self.count:,} wanted in all"

    def summary(self) -> str:
        """One line."""
        assert self.census is not None
        people, pattern = self.job.target.people, email_pattern(self.job.target.people)
        foreign = [index for index in sorted(self.census.untagged) if index < self.count]
        beyond = sum(index >= self.count for index in self.census.mine)
        text = (
            f"target {self.job.target.name}: all {counted(self.count, 'person is', 'people are')} there, "
            f"{self.created:,} created now, {self.count - self.created:,} found; "
            f"{pattern.format(index=0)} to {pattern.format(index=self.count - 1)}"
        )
        if beyond:
            text += f"; {beyond:,} more with higher numbers"
        if foreign:
            text += (
                f"; warning: {len(foreign):,} of them have no {TAG_KEY} {people.tag!r} "
                f"({some(pattern.format(index=index) for index in foreign)}), so somebody else made them: their "
                "password may differ, and cleanup leaves them"
            )
        return text
