#!/usr/bin/python3
"""People, faces, networks and keypoints as OpenCV's own Python binding finds them: the
reference for transforms/perframe.

Usage: detectors.py PICTURE WIDTH HEIGHT JOB...

Reads one picture of raw BGR bytes. Every job is an object in JSON: what to look for, and
the parameters, named as OpenCV's are. Prints a line of JSON for each: what was found.

Needs Debian's python3-opencv (run it with /usr/bin/python3).
"""
import json
import sys

import cv2
import numpy


def people(picture, **parameters):
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    boxes, weights = hog.detectMultiScale(picture, **parameters)
    return [[*map(int, b), float(w)] for b, w in zip(boxes, numpy.ravel(weights))]


def cascade(picture, file, equalize=False, **parameters):
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    if equalize:
        gray = cv2.equalizeHist(gray)
    boxes, joined = cv2.CascadeClassifier(file).detectMultiScale2(gray, **parameters)
    return [[*map(int, b), float(n)] for b, n in zip(boxes, joined)]


def network(picture, model, side):
    net = cv2.dnn.readNetFromONNX(model)
    net.setInput(cv2.dnn.blobFromImage(picture, 1 / 255, (side, side), swapRB=True))
    return [float(v) for v in net.forward().ravel()]


def orb(picture, **parameters):
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    points, descriptors = cv2.ORB_create(**parameters).detectAndCompute(gray, None)
    return [{"x": p.pt[0], "y": p.pt[1], "octave": p.octave, "descriptor": bytes(d).hex()} for p, d in zip(points, descriptors)]


def main():
    cv2.setNumThreads(1)
    path, width, height, *jobs = sys.argv[1:]
    picture = numpy.fromfile(path, numpy.uint8).reshape(int(height), int(width), 3)
    for job in map(json.loads, jobs):
        what = {"people": people, "cascade": cascade, "network": network, "orb": orb}[job.pop("what")]
        print(json.dumps(what(picture, **job)))


if __name__ == "__main__":
    main()
