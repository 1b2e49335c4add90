"""The scores of py-motmetrics: the reference for eval/clearmot.

Makes the cases of ../cases, each the truth and the tracks of a small video in
MOTChallenge form with what trackers do wrong, and the table ../scores.csv of what
py-motmetrics makes of them.

Needs motmetrics (made with 1.4.0): pip install motmetrics
"""
import csv
import pathlib
import random

import motmetrics
import numpy

HERE = pathlib.Path(__file__).parent.parent
FRAMES = 60
METRICS = [
    "num_frames", "num_objects", "num_predictions", "num_unique_objects", "num_detections", "num_misses",
    "num_false_positives", "num_switches", "num_fragmentations", "mostly_tracked", "partially_tracked", "mostly_lost",
    "idtp", "idfp", "idfn", "mota", "motp", "precision", "recall", "idf1", "idp", "idr",
]


def case(seed):
    """Objects that walk and cross, and tracks that shake, break, swap and are invented."""
    rng = random.Random(seed)
    truth, found = [], []
    next_id = 1000
    objects = []
    for number in range(1, rng.randint(2, 7)):
        begin = rng.randint(1, 20)
        objects.append({
            "id": number, "begin": begin, "end": begin + rng.randint(5, 45),
            "x": rng.uniform(0, 300), "y": rng.uniform(0, 60), "w": rng.uniform(20, 40), "h": rng.uniform(40, 80),
            "vx": rng.uniform(-6, 6), "vy": rng.uniform(-1, 1), "track": next_id,
        })
        next_id += 1
    shake = rng.choice([1, 4, 8])
    for frame in range(1, FRAMES + 1):
        seen = [o for o in objects if o["begin"] <= frame <= o["end"] and rng.random() > 0.03]
        if len(seen) > 1 and rng.random() < 0.1:
            a, b = rng.sample(seen, 2)
            a["track"], b["track"] = b["track"], a["track"]
        for o in seen:
            x, y = o["x"] + o["vx"] * frame, o["y"] + o["vy"] * frame
            truth.append((frame, o["id"], x, y, o["w"], o["h"]))
            if rng.random() < 0.05:
                o["track"] = next_id
                next_id += 1
            if rng.random() < 0.85:
                found.append((frame, o["track"], x + rng.gauss(0, shake), y + rng.gauss(0, shake),
                              o["w"] + rng.gauss(0, shake) / 2, o["h"] + rng.gauss(0, shake) / 2))
        if rng.random() < 0.2:
            found.append((frame, next_id, rng.uniform(0, 300), rng.uniform(0, 60), 30, 60))
            next_id += 1
    both = []
    for rows in truth, found:
        ordered = sorted((f, i, round(x, 2), round(y, 2), round(w, 2), round(h, 2)) for f, i, x, y, w, h in rows)
        both.append(ordered)
    return both


def distances(truth, found):
    """1 - IoU, and NaN above 0.5 (motmetrics' own function needs an older numpy)."""
    result = numpy.full((len(truth), len(found)), numpy.nan)
    for i, (_, _, ax, ay, aw, ah) in enumerate(truth):
        for j, (_, _, bx, by, bw, bh) in enumerate(found):
            w = min(ax + aw, bx + bw) - max(ax, bx)
            h = min(ay + ah, by + bh) - max(ay, by)
            if w > 0 and h > 0:
                iou = w * h / (aw * ah + bw * bh - w * h)
                if iou >= 0.5:
                    result[i, j] = 1 - iou
    return result


def score(truth, found):
    accumulator = motmetrics.MOTAccumulator()
    for frame in range(1, FRAMES + 1):
        t = [r for r in truth if r[0] == frame]
        f = [r for r in found if r[0] == frame]
        accumulator.update([r[1] for r in t], [r[1] for r in f], distances(t, f), frameid=frame)
    return motmetrics.metrics.create().compute(accumulator, metrics=METRICS, return_dataframe=False)


def write(path, rows):
    with open(path, "w", newline="") as f:
        for frame, number, x, y, w, h in rows:
            # Pixels are counted from 1 there; here all are moved alike, which changes nothing.
            f.write(f"{frame},{number},{x:g},{y:g},{w:g},{h:g},1,-1,-1,-1\n")


def main():
    (HERE / "cases").mkdir(exist_ok=True)
    with open(HERE / "scores.csv", "w", newline="") as f:
        table = csv.writer(f, lineterminator="\n")
        table.writerow(["case"] + METRICS)
        for seed in range(1, 13):
            truth, found = case(seed)
            name = f"{seed:02d}"
            write(HERE / "cases" / f"{name}-gt.txt", truth)
            write(HERE / "cases" / f"{name}-tracks.txt", found)
            scores = score(truth, found)
            table.writerow([name] + [f"{float(scores[m]):.9g}" for m in METRICS])


if __name__ == "__main__":
    main()
