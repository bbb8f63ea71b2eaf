"""Standard input to nowhere: when each piece came, how many octets, and their SHA-256.

Run as a program behind curl. Writes FILE.times (lines "monotonic_ns total_octets", one per read) as
it goes, and FILE.json at the end; with `keep` the octets to FILE.
"""

import hashlib
import json
import os
import sys
import time


def main(file, keep=None):
    digest, total = hashlib.sha256(), 0
    with open(f"{file}.times", "w", encoding="ascii", buffering=1) as times, \
            open(file if keep else os.devnull, "wb") as kept:
        while piece := os.read(0, 1 << 17):
            now = time.monotonic_ns()
            total += len(piece)
            times.write(f"{now} {total}\n")
            digest.update(piece)
            kept.write(piece)
    with open(f"{file}.json", "w", encoding="ascii") as done:
        json.dump({"bytes": total, "sha256": digest.hexdigest()}, done)


if __name__ == "__main__":
    main(*sys.argv[1:])
