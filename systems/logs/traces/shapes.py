"""By what one sees that a line begins a trace, or goes on with what came before it."""

from __future__ import annotations

import re

_KINDS = (
    r"(?:Error|Exception(?:Info)?|Exit|Interrupt|Conflict|Timeout|Refused|Denied|Failure|Overflow|NotFound|Abort|Throwable|Violation"
    r"|Unavailable|Shutdown|Fault|ByZero|Missing|Invalid|Expired|Exhausted|Mismatch|Required|Forbidden|Detected)"
)
# `KeyError: 'id'`, `java.io.IOException: full`, `psycopg.errors.UndefinedTable: ...`, `Foo::BarError (said):`.
EXCEPTION = re.compile(
    rf"^(?:(?:[\w$]+(?:\.|::|\\))*(?:[A-Z][\w$]*?{_KINDS}|Error|Exception(?:Info)?|Throwable)|(?:\w+\.)*(?:errors?|exceptions?|exc)\.[A-Z]\w+)"
    r"(?:\[\w+\]|<\S+>|(?: \[\w+\])| \(\w+\)(?=:))?(?::|\s*$|\s\(.*\):?$)"
)
DOTTED = re.compile(rf"^(?:[\w$]+(?:\.|::|\\))+(?:[A-Z][\w$]*?)?{_KINDS}\b(?::|\s*$)")
_BEGINS = re.compile(
    r"^(?:Traceback \(most recent call last\)|  \+ Exception Group Traceback|panic: |fatal error: "
    r"|goroutine \d+ \[|SIG[A-Z]+: "
    r"|thread '[^']*'(?: \(\d+\))? panicked at|fatal runtime error: "
    r"|Unhandled [Ee]xception|Uncaught |Exception in thread |\(node:\d+\) Unhandled|UnhandledPromiseRejection"
    r"|PHP (?:Fatal|Parse) error|\*\* \((?!stop)|Segmentation fault|Exception ignored in"
    r"|[^\s:]+\.rb:\d+:in [`']|terminate called|Execution error \(|\S+: undefined symbol|(?:Fatal|Unhandled) error:)"
)
NODE_SOURCE = re.compile(r"^(?:/|file://|node:|[A-Z]:\\)\S*:\d+$")
RUST = re.compile(r"^thread '[^']*'(?: \(\d+\))? panicked at [^']*:\d+:\d+:$")
# Lines that no record begins with, at whatever depth.
_GOES_ON = re.compile(
    r"^(?:Caused by:|Suppressed: |Wrapped by: |\.\.\. \d+ (?:more|common)|at [\w$.<>/\\]+[\s(.:]"
    r"|at async |---> |--- End of"
    r"|Traceback \(most recent call last\)|During handling of the above|The above exception was|\| |\+-"
    r"|goroutine \d+ \["
    r"|created by |exit status \d+$|\[signal |note: run with|note: Some details|stack backtrace:"
    r"|[Ss]tack ?[Tt]race(?:back)?:$"
    r"|#\d+ +(?:\{main|\[|[\w/].*[(:])|\{main\}|Next [A-Z]\w*[\\:]|thrown in |PHP Stack trace:|PHP +\d+\. |\*\*\*? "
    r"|Current stack trace:|BEGIN failed--|CallStack \(|\(Use `node "
    r"|\d+ +\S+ +0x[0-9a-f]+ "
    r"|Node\.js v\d|\[cause\]|from \S+:\d+:in |\S+\.(?:rb|erb):\d+:in [`']|\^+~*$|[a-z_][\w/.-]+\.exs?:\d+: "
    r"|Require stack:$|- (?:/|[A-Z]:\\)\S+\.[cm]?[jt]sx?$|\d+\. \S.* @ 0x[0-9a-f]+ "
    r"|<asynchronous suspension>$|in expression starting at |Aborted(?: \(core dumped\))?$"
    r"|Raised (?:at|by|from) |Re-raised at |Called from \S+ in (?:file )?\""
    r"|End of inner|Emitted 'error' event at)"
)
# Lines that only go on with what is a trace already.
_OF_TRACE = re.compile(
    r"^(?:Last message|State: |Client #PID|Function: |Args: |Initial Call: |Ancestors: |Message Queue"
    r"|Queue: |Start Call: "
    r"|Backtrace:|\(EXIT|Details:|Suppressed exception|Error originated|Registers:|Process |Location:"
    r"|LINE \d+: |\[SQL: |\[parameters: |\(Background on|DETAIL: |HINT: |CONTEXT: |For further information visit)"
)
NAMES = re.compile(r"\b[A-Z]\w*(?:Error|Exception)\b")
FRAME = re.compile(r"^\s+at (?:async )?\S.*[:(]")
_FRAME = re.compile(r"^(?:at |\.\.\. \d+ more|Suppressed: |Caused by: |from )")
TRACEBACK = re.compile(r"^(?:[Ss]tack ?(?:trace|traceback|backtrace):|CallStack \(from)")
_CLOSES = re.compile(r"^[}\])]+[,;]?$")
GO_FRAME = re.compile(
    r"^(?:[\w./*\[\]{}~%-]+(?:\.\(?\*?\w+\)?)*\(.*\)|created by .*|exit status \d+|\[signal .*"
    r"|goroutine \d+ .*|rax .*)$"
)
WORD = re.compile(r"\w")
CALLS = re.compile(r"\b[Ss]tack trace \([^()]*\):$")  # and the calls follow
PYTHON = "Traceback (most recent call last)"
PYTHON_LAST = re.compile(r"^(?:[\w]+\.)*[A-Za-z_]\w*(?:: |:?$)")
# The last line of an exception whose message goes on below.
UNFINISHED = re.compile(r"(?:validation errors? for \S+|:)\s*$")
BECAUSE = re.compile(r"During handling of the above|The above exception was")
CHAINED = re.compile(
    r"^(?:During handling of the above|The above exception was|\s*\| |\s*\+-|Traceback \(most)"
)


def begins(text: str) -> bool:
    """Whether a line by itself tells of a crash, whatever logger is or is not behind it."""
    return _BEGINS.match(text) is not None or EXCEPTION.match(text) is not None or PYTHON in text


def goes_on(text: str) -> bool:
    """Whether a line belongs to what came before it: by its depth, or by its words."""
    return text[:1] in " \t" or _GOES_ON.match(text) is not None


def of_trace(text: str) -> bool:
    """Whether a line goes on with a trace, though it need not with anything else: the lines of a syslog are indented
    for many reasons."""
    return (
        text[:1] == "\t"
        or text[:2] == "  "
        or _GOES_ON.match(text) is not None
        or _OF_TRACE.match(text) is not None
    )


def closes(text: str) -> bool:
    """A bracket that was opened before."""
    return _CLOSES.match(text) is not None


def heads(text: str) -> bool:
    """Whether a line is nothing but the head of a trace."""
    return begins(text) or NODE_SOURCE.match(text) is not None


def frame(text: str) -> bool:
    """Whether a line can be nothing but a frame or a cause."""
    return (text[:1] == "\t" and _FRAME.match(text.lstrip()) is not None) or text.startswith("Caused by: ")
