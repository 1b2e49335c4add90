"""What somebody would write in Python for the original's topic: a consumer of
confluent-kafka, json, base64, numpy, and OpenCV's motion detection as the original
computes it. Prints what it took as JSON, as this program's other children do."""
import base64
import json
import resource
import sys
import time

import confluent_kafka
import cv2
import numpy


def cpu():
    r = resource.getrusage(resource.RUSAGE_SELF)
    return r.ru_utime + r.ru_stime


def main(brokers, topic, count):
    begun, before = time.monotonic(), cpu()
    consumer = confluent_kafka.Consumer({"bootstrap.servers": brokers, "group.id": "bench", "enable.auto.commit": False})
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
    frames, boxes, previous = 0, 0, None
    while frames < count:
        for message in consumer.consume(64, 1.0):
            if message.error() or frames == count:
                continue
            o = json.loads(message.value())
            frame = numpy.frombuffer(base64.b64decode(o["data"]), numpy.uint8).reshape(o["rows"], o["cols"], 3)
            gray = cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), (3, 3), 0)
            if previous is not None:
                _, changed = cv2.threshold(cv2.absdiff(gray, previous), 20, 255, cv2.THRESH_BINARY)
                contours, _ = cv2.findContours(changed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
                for contour in contours:
                    if cv2.contourArea(contour) > 300:
                        cv2.boundingRect(contour)
                        boxes += 1
            previous = gray
            frames += 1
    took = cpu() - before
    print(json.dumps({
        "Frames": frames, "Boxes": boxes, "CPU": int(took * 1e9), "Wall": int((time.monotonic() - begun) * 1e9),
        "Memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10,
    }))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
