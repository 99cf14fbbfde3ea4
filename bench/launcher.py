"""A very small process that runs one command and writes down its time, its processor time and its peak memory.

Linux counts what a process held before it became another program: a child of a large process would show the peak
of its parent. This one is small, so its children show their own.
"""

import json
import os
import sys
import time


def main() -> None:
    target, command = sys.argv[1], sys.argv[2:]
    began = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - began
    unit = 1 if sys.platform == "darwin" else 1024
    report = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * unit,
        "code": os.waitstatus_to_exitcode(status),
    }
    with open(target, "w") as file:
        json.dump(report, file)


if __name__ == "__main__":
    main()
