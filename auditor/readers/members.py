"""The members of an archive, and the samples that they form: members with the same path up to the first dot of the base
name (webdataset's convention)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from auditor.types import Content

_MAX_MEMBERS = 1000  # of one sample


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its name, and its content."""

    name: str
    content: Content

    @property
    def key(self) -> str:
        """The path up to the first dot of the base name."""
        folder, slash, base = self.name.rpartition("/")
        return f"{folder}{slash}{base.partition('.')[0]}"

    @property
    def suffix(self) -> str:
        """The text after the first dot of the base name, in lower case."""
        return self.name.rpartition("/")[2].partition(".")[2].casefold()

    @property
    def last_suffix(self) -> str:
        """The text after the last dot: `jpg` of `a.input.jpg`."""
        return self.suffix.rpartition(".")[2]


@dataclass(slots=True)
class Group:
    """The members of one sample."""

    key: str
    members: list[Member] = field(default_factory=list)

    def takes(self, member: Member) -> bool:
        """Whether a member belongs to this sample: a second one with the same suffix begins another sample."""
        is_full = len(self.members) >= _MAX_MEMBERS
        return member.key == self.key and not is_full and all(each.suffix != member.suffix for each in self.members)


@dataclass(frozen=True, slots=True)
class Broken:
    """The premature end of an archive, or a table in it that is not read, with the reason."""

    reason: str


def consecutive(members: Iterable[Member | Broken]) -> Iterator[Group | Broken]:
    """Samples of members that follow one another; memory use is that of one sample."""
    group: Group | None = None
    for member in members:
        if isinstance(member, Broken):
            if group:
                yield group
            yield member
            return
        if group is None or not group.takes(member):
            if group:
                yield group
            group = Group(member.key)
        group.members.append(member)
    if group:
        yield group


def joined(members: Iterable[Member | Broken]) -> Iterator[Group | Broken]:
    """Samples of members wherever they are in the archive, in the order of their first member. All names are held in
    memory."""
    groups: list[Group] = []
    open_groups: dict[str, list[Group]] = defaultdict(list)  # by key; the nth has the nth member of each suffix
    counts: Counter[tuple[str, str]] = Counter()  # members with the same key and suffix
    for member in members:
        if isinstance(member, Broken):
            yield from groups
            yield member
            return
        of_key, number = open_groups[member.key], counts[member.key, member.suffix]
        counts[member.key, member.suffix] += 1
        if number >= len(of_key):
            of_key.append(Group(member.key))
            groups.append(of_key[-1])
        elif len(of_key[number].members) >= _MAX_MEMBERS:
            of_key[number] = Group(member.key)
            groups.append(of_key[number])
        of_key[min(number, len(of_key) - 1)].members.append(member)
    yield from groups
