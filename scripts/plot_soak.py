#!/usr/bin/env python3
"""Draws docs/soak.csv, which `make soak` measures, as docs/soak.svg."""

import csv
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "framebeam"  # the same picture from the same numbers
import matplotlib.pyplot as plt

with open(sys.argv[1]) as f:
    rows = [{k: float(v) for k, v in r.items()} for r in csv.DictReader(f)]
minutes = [r["seconds"] / 60 for r in rows]


def column(name, unit=1.0):
    return [r[name] / unit for r in rows]


figure, (lag, memory, checkpoint) = plt.subplots(3, 1, figsize=(9, 10), sharex=True)
lag.plot(minutes, [r["published"] - r["written"] for r in rows])
lag.set_title("Frames published and not yet in a complete chunk (chunks of 64, three partitions)")
memory.plot(minutes, column("workers_bytes", 2**20), label="Go workers")
memory.plot(minutes, column("taskmanagers_bytes", 2**20), label="TaskManagers")
memory.plot(minutes, column("jobmanager_bytes", 2**20), label="JobManager")
memory.set_title("Resident memory, MiB")
memory.legend()
checkpoint.plot(minutes, column("checkpoint_bytes", 2**10))
checkpoint.set_title("Checkpoint, KiB")
checkpoint.set_xlabel("minutes")
for axes in (lag, memory, checkpoint):
    axes.set_ylim(bottom=0)
    axes.grid(True, alpha=0.3)
figure.tight_layout()
figure.savefig(sys.argv[2], metadata={"Date": None})
