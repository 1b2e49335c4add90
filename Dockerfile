# syntax=docker/dockerfile:1.7
# Images of Framebeam, one per target: collector, pipelines, worker, flink, spark, camera.
#
#   docker build --target pipelines --tag framebeam/pipelines .
#
# All stand on the same Debian, because OpenCV's version is part of the configuration
# digest: results are byte-identical only where it is the same. The images of Flink and
# Spark themselves stand on Ubuntu, whose OpenCV is another one, so the distributions are
# taken out of them.

ARG GO_VERSION=1.26.8
ARG FLINK_VERSION=1.19.3
ARG SPARK_VERSION=3.5.0

FROM golang:${GO_VERSION} AS go
FROM flink:${FLINK_VERSION} AS flink-distribution
FROM apache/spark:${SPARK_VERSION} AS spark-distribution

# The program. Go comes from its image, the C++ side from the Debian they will run on.
FROM debian:bookworm-slim AS build
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean \
    && apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates \
        g++ \
        libavcodec-dev \
        libavformat-dev \
        libavutil-dev \
        libopencv-contrib-dev \
        libopencv-dev \
        libswscale-dev \
        opencv-data \
        pkg-config
COPY --from=go /usr/local/go /usr/local/go
ENV PATH=/usr/local/go/bin:$PATH
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/root/go/pkg/mod \
    go mod download
COPY . .
RUN --mount=type=cache,target=/root/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -ldflags="-s -w" -o /out/ ./cmd/framebeam

# What the program needs to run: the OpenCV libraries that it is linked with. The
# packages carry OpenCV's version, 4.6, in their names; libopencv-videoio brings FFmpeg's.
FROM debian:bookworm-slim AS runtime
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean \
    && apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates \
        libopencv-calib3d406 \
        libopencv-core406 \
        libopencv-dnn406 \
        libopencv-features2d406 \
        libopencv-highgui406 \
        libopencv-imgcodecs406 \
        libopencv-imgproc406 \
        libopencv-objdetect406 \
        libopencv-photo406 \
        libopencv-video406 \
        libopencv-videoio406 \
        opencv-data \
        tzdata \
    && groupadd --gid 10001 framebeam \
    && useradd --uid 10001 --gid framebeam --create-home --home-dir /var/lib/framebeam framebeam
ENV PATH=/opt/framebeam/bin:$PATH
WORKDIR /var/lib/framebeam

# The collector: docker run framebeam/collector --config cameras.yaml --brokers …
FROM runtime AS collector
COPY --from=build /out/framebeam /opt/framebeam/bin/
RUN framebeam ingest --help >/dev/null
USER 10001:10001
ENTRYPOINT ["framebeam", "ingest"]
CMD ["--help"]

# For whatever runs or submits pipelines and looks at results:
# docker run framebeam/pipelines analyze --runner=direct …
FROM runtime AS pipelines
COPY --from=build /out/framebeam /opt/framebeam/bin/
RUN framebeam --help >/dev/null
USER 10001:10001
ENTRYPOINT ["framebeam"]
CMD ["--help"]

# The program as engines start it for a worker, in the place where the image pipelines has
# it too: what is submitted from there needs no --worker-path. A base for images of engines
# on other machines, and a place to copy the program from.
FROM runtime AS worker
COPY --from=build /out/framebeam /opt/framebeam/bin/
RUN framebeam --help >/dev/null
USER 10001:10001
CMD ["framebeam", "--help"]

# What both engines stand on. Flink, Spark and Beam's runners look into classes of Java.
# curl is for health checks.
FROM runtime AS java
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update \
    && apt-get install -y --no-install-recommends \
        curl \
        openjdk-17-jre-headless
ENV JDK_JAVA_OPTIONS="--add-opens=java.base/java.io=ALL-UNNAMED \
--add-opens=java.base/java.lang=ALL-UNNAMED \
--add-opens=java.base/java.lang.invoke=ALL-UNNAMED \
--add-opens=java.base/java.lang.reflect=ALL-UNNAMED \
--add-opens=java.base/java.net=ALL-UNNAMED \
--add-opens=java.base/java.nio=ALL-UNNAMED \
--add-opens=java.base/java.text=ALL-UNNAMED \
--add-opens=java.base/java.time=ALL-UNNAMED \
--add-opens=java.base/java.util=ALL-UNNAMED \
--add-opens=java.base/java.util.concurrent=ALL-UNNAMED \
--add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED \
--add-opens=java.base/sun.nio.ch=ALL-UNNAMED \
--add-opens=java.base/sun.nio.cs=ALL-UNNAMED \
--add-opens=java.base/sun.security.action=ALL-UNNAMED \
--add-opens=java.base/sun.util.calendar=ALL-UNNAMED"

# Flink, for JobManager and TaskManager. Configuration comes to /opt/flink/conf, state
# lies in /var/lib/flink. compose.yaml has the commands.
FROM java AS flink
COPY --from=flink-distribution --chown=root:root /opt/flink /opt/flink
RUN install -d -o framebeam -g framebeam \
        /var/lib/flink \
        /var/lib/flink/checkpoints \
        /var/lib/flink/savepoints \
    && chmod -R a+rX /opt/flink
ENV CLASSPATH=/opt/flink/lib/*
COPY --from=build /out/framebeam /opt/framebeam/bin/
USER 10001:10001

# Spark, for master and worker: spark-class org.apache.spark.deploy.master.Master or
# …worker.Worker. Executors, and the programs that they start, run in /var/lib/spark.
FROM java AS spark
COPY --from=spark-distribution --chown=root:root /opt/spark /opt/spark
RUN install -d -o framebeam -g framebeam /var/lib/spark \
    && chmod -R a+rX /opt/spark
ENV SPARK_HOME=/opt/spark \
    PATH=/opt/spark/bin:$PATH
COPY --from=build /out/framebeam /opt/framebeam/bin/
USER 10001:10001

# A network camera to try things with: a moving test pattern over RTSP.
FROM debian:bookworm-slim AS camera
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean \
    && apt-get update \
    && apt-get install -y --no-install-recommends \
        gir1.2-gst-rtsp-server-1.0 \
        gstreamer1.0-plugins-bad \
        gstreamer1.0-plugins-base \
        gstreamer1.0-plugins-good \
        python3-gi
COPY testdata/rtsp/camera.py /opt/framebeam/
USER 65534:65534
ENTRYPOINT ["/usr/bin/python3", "/opt/framebeam/camera.py"]
CMD ["--address", "0.0.0.0", "--port", "8554"]
