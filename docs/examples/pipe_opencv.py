#!/usr/bin/python3
"""A program for Framebeam's pipes (docs/pipe.md): outlines of what stands out, by
OpenCV's Canny edges and contours.

Usage in a configuration of analyses:

    pipes:
      outlines:
        command: [/usr/bin/python3, docs/examples/pipe_opencv.py, --min-area, "300"]

Needs OpenCV's Python binding (Debian: python3-opencv).
"""
import argparse
import json
import sys

import cv2
import numpy


def outlines(picture, min_area):
    """Bounding boxes of the outer contours of edges, in the order of their places."""
    gray = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    edges = cv2.Canny(cv2.GaussianBlur(gray, (5, 5), 0), 50, 150)
    closed = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, numpy.ones((5, 5), numpy.uint8))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        area = cv2.contourArea(contour)
        if area >= min_area:
            x, y, width, height = cv2.boundingRect(contour)
            found.append({"label": "outline", "x": x, "y": y, "width": width, "height": height, "area": area})
    return sorted(found, key=lambda d: (d["y"], d["x"], d["width"], d["height"]))


def decode(header, data):
    if header["format"] in ("jpeg", "png"):
        return cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    shape = (header["height"], header["width"]) + ((3,) if header["format"] == "bgr" else ())
    return numpy.frombuffer(data, numpy.uint8).reshape(shape)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--min-area", type=float, default=300)
    a = args.parse_args()
    cv2.setNumThreads(1)  # several of us may run, and equal frames are to give equal answers

    # Standard output is for answers only: let no library print there.
    answers, sys.stdout = sys.stdout, sys.stderr

    def say(answer):
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    say({"ready": 1})
    frames = sys.stdin.buffer
    while line := frames.readline():
        header = json.loads(line)
        picture = decode(header, frames.read(header["bytes"]))
        say({"frame": header["frame"], "detections": outlines(picture, a.min_area)})


if __name__ == "__main__":
    main()
