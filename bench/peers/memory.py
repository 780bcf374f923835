"""Peak resident memory of this process above a starting point."""

import resource


def _status(field):
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise OSError(field)


def _peak():
    try:
        return _status("VmHWM")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def watch_peak():
    """Starts to watch: the function it gives tells the peak above now, in bytes."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError:
        pass  # the peak since the process began is used instead
    try:
        before = _status("VmRSS")
    except OSError:
        before = _peak()
    return lambda: max(0, _peak() - before)
