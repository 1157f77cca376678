"""Places where a server of ours dies, fails or stalls, armed while it runs (Sources/Platform/FailpointPlaces.swift)."""

import os
import pathlib
import re

import places


def declared():
    """{place: what is true when it is reached} of every failpoint in the code, in its order."""
    source = (places.ROOT / "Sources/Platform/FailpointPlaces.swift").read_text(encoding="utf-8")
    found = re.findall(r"((?: *///.*\n)+) *case \w+ = \"([\w.]+)\"", source)
    return {name: " ".join(line.strip().removeprefix("///").strip() for line in text.strip().splitlines()) for text, name in found}


class Failpoints:
    """The directory that one server takes its rules from."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True)

    @property
    def environment(self):
        return {"SIGNALBOX_FAILPOINTS": f"directory={self.directory}"}

    #: Of the server.
    arguments = ["--allow-failpoints"]

    def arm(self, place, action, *, always=False):
        """`kill`, `error` or `stall:SECONDS` when the place is reached next; always, until it is disarmed."""
        assert place in declared(), place
        unfinished = self.directory / f".{place}"
        unfinished.write_text(f"always {action}" if always else action)
        os.rename(unfinished, self.directory / place)

    def disarm(self, place):
        (self.directory / place).unlink(missing_ok=True)

    def is_armed(self, place):
        return (self.directory / place).exists()

    def reached(self):
        """(place, action or None) of everything reached since the last `clear`, in order."""
        try:
            lines = (self.directory / "reached").read_text().split("\n")
        except FileNotFoundError:
            return []
        return [(place, None if action == "-" else action) for place, _, action in (line.partition(" ") for line in lines if line)]

    def triggered(self, place):
        return any(name == place and action for name, action in self.reached())

    def clear(self):
        (self.directory / "reached").unlink(missing_ok=True)
