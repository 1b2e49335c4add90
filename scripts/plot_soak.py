#!/usr/bin/env python3
"""Draws docs/soak.csv, which `make soak` measures, as docs/soak.svg."""

import csv
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "framebeam"  # the same picture from the same numbers
import matplotlib.pyplot as plt

with open(sys.argv[1]) as f:
    rows = list(csv.DictReader(f))
for row in rows:
    for name in row:
        if name != "fault":
            row[name] = float(row[name])
minutes = [r["seconds"] / 60 for r in rows]
faults = [(r["seconds"] / 60, r["fault"]) for r in rows if r["fault"]]


def column(name, unit=1.0):
    return [r[name] / unit for r in rows]


def beside(axes):
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


def draw(axes, title, unit, lines):
    axes.set_title(title)
    for name, label in lines:
        if name in rows[0] and any(r[name] for r in rows):
            axes.plot(minutes, column(name, unit), label=label, linewidth=1)
    beside(axes)


figure, (lag, memory, servers, handles, files, checkpoint) = plt.subplots(6, 1, figsize=(11, 15), sharex=True)
for name, label in (("direct_complete", "direct runner"), ("flink_complete", "Flink")):
    lag.plot(minutes, [max(0, r["published"] - r[name]) for r in rows], label=label, linewidth=1)
lag.set_title("Frames published and not yet in a complete chunk (chunks of 64, three partitions)")
beside(lag)
draw(memory, "Resident memory, MiB", 2**20, (
    ("collector_bytes", "collector, with what captures"), ("direct_bytes", "job on the direct runner"),
    ("workers_bytes", "Go workers on Flink"), ("page_bytes", "page")))
draw(servers, "Resident memory of servers, MiB", 2**20, (
    ("taskmanagers_bytes", "TaskManagers"), ("jobmanager_bytes", "JobManager"), ("brokers_bytes", "brokers")))
draw(handles, "Open handles", 1, (
    ("collector_handles", "collector, with what captures"), ("direct_handles", "job on the direct runner"),
    ("workers_handles", "Go workers on Flink"), ("page_handles", "page")))
draw(files, "Files in the output of the job on the direct runner", 1, (("output_files", "files"),))
draw(checkpoint, "Checkpoint on Flink, KiB", 2**10, (("checkpoint_bytes", "checkpoint"),))
checkpoint.set_xlabel("minutes; a line for each fault")
kinds = sorted({kind for _, kind in faults})
for axes in figure.axes:
    axes.set_ylim(bottom=0)
    axes.grid(True, alpha=0.3)
    for at, kind in faults:
        axes.axvline(at, color=f"C{kinds.index(kind) % 10}", alpha=0.35, linewidth=0.8, linestyle=":")
for i, kind in enumerate(kinds):
    lag.text(1.02, 0.72 - 0.075 * i, kind, color=f"C{i % 10}", fontsize="small", transform=lag.transAxes, va="top")
figure.tight_layout()
figure.savefig(sys.argv[2], metadata={"Date": None})
