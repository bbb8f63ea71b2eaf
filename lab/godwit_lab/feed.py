"""A file to standard output at a pace: feed.py FILE OCTETS-PER-SECOND."""

import os
import sys
import time

EVERY = 0.02  # seconds


def main(file, rate):
    begin, done = time.monotonic(), 0
    with open(file, "rb") as octets:
        while piece := octets.read(max(1, int(rate * EVERY))):
            while piece:
                piece = piece[os.write(1, piece):]
            done += 1
            time.sleep(max(0.0, begin + done * EVERY - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
