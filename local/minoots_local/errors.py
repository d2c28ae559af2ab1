"""What can go wrong with the local stack itself.

LocalStackError
├── TemplateError          the template is missing, malformed, or asks for what is not played
├── DataDirInUseError      another stack holds the data directory
├── JournalDamagedError    the journal is damaged elsewhere than at its tail
├── JournalWriteError      a table write could not be made durable
└── ClockStoppedError      the stack stopped while its clock was being advanced
"""


class LocalStackError(Exception):
    """Something a person starting the local stack can act on; the text says what."""


class TemplateError(LocalStackError):
    """The template is missing, malformed, or asks for something that is not played."""


class DataDirInUseError(LocalStackError):
    """Another stack holds the data directory."""


class JournalDamagedError(LocalStackError):
    """The journal is damaged elsewhere than at its tail, where a crash would leave it."""


class JournalWriteError(LocalStackError):
    """A table write could not be made durable; nothing that depends on it is acknowledged."""


class ClockStoppedError(LocalStackError):
    """The stack stopped while its clock was being advanced."""
