#!/usr/bin/python3
"""Motion detection as the original system computes it, in OpenCV's own Python
binding: the reference for transforms/sequence/steps.

Reads a video, or raw BGR frames one after another, and prints per frame a line
of JSON: the bounding boxes [x, y, width, height, area], sorted.

Needs Debian's python3-opencv (run it with /usr/bin/python3).
"""
import argparse
import json
import sys

import cv2
import numpy


def video(path, count):
    capture = cv2.VideoCapture(path)
    for _ in range(count):
        ok, frame = capture.read()
        if not ok:
            sys.exit(f"{path} has fewer than {count} frames")
        yield frame


def raw(path, size, count):
    width, height = size
    with open(path, "rb") as f:
        for _ in range(count):
            data = f.read(width * height * 3)
            if len(data) != width * height * 3:
                sys.exit(f"{path} has fewer than {count} frames")
            yield numpy.frombuffer(data, numpy.uint8).reshape(height, width, 3)


def motion(frames, blur, threshold, min_area):
    previous = None
    for frame in frames:
        gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        gray = cv2.GaussianBlur(gray, (blur, blur), 0)
        boxes = []
        if previous is not None:
            difference = cv2.absdiff(gray, previous)
            _, changed = cv2.threshold(difference, threshold, 255, cv2.THRESH_BINARY)
            contours, _ = cv2.findContours(changed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            for contour in contours:
                area = cv2.contourArea(contour)
                if area > min_area:
                    boxes.append([*cv2.boundingRect(contour), area])
        previous = gray
        yield sorted(boxes, key=lambda b: (b[1], b[0], b[2], b[3], b[4]))


def size(text):
    width, height = text.split("x")
    return int(width), int(height)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--video")
    args.add_argument("--raw")
    args.add_argument("--size", type=size, help="of raw frames, WxH")
    args.add_argument("--resize", type=size, help="resize with INTER_CUBIC first, WxH")
    args.add_argument("--frames", type=int, required=True)
    args.add_argument("--blur", type=int, default=3)
    args.add_argument("--threshold", type=int, default=20)
    args.add_argument("--min-area", type=float, default=300)
    a = args.parse_args()
    frames = video(a.video, a.frames) if a.video else raw(a.raw, a.size, a.frames)
    if a.resize:
        frames = (cv2.resize(f, a.resize, interpolation=cv2.INTER_CUBIC) for f in frames)
    for boxes in motion(frames, a.blur, a.threshold, a.min_area):
        print(json.dumps(boxes))


if __name__ == "__main__":
    main()
