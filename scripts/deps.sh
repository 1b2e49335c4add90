#!/bin/sh
# Installs what Framebeam needs from Debian's packages, and only what is missing.
# "deps.sh bench" adds what is compared with, "deps.sh test" what only the tests need, "deps.sh engines" also what real
# servers need (Kafka, HDFS, Flink, Spark), "deps.sh soak" what draws a long run, "deps.sh dist" what packs.
set -eu

packages="g++ pkg-config ca-certificates libavcodec-dev libavformat-dev libavutil-dev libswscale-dev libopencv-dev libopencv-contrib-dev opencv-data opencv-doc"
case "${1:-}" in
test | engines | soak)
	packages="$packages python3-opencv mosquitto" # a broker that alerts are told to
	# Pages are tested in a real browser; any npm fetches axe-core, Debian's needs Node.js besides.
	command -v chromium >/dev/null || packages="$packages chromium"
	command -v npm >/dev/null || packages="$packages nodejs npm"
	# Models come by npm and pip.
	python3 -m pip --version >/dev/null 2>&1 || packages="$packages python3-pip"
	;;
bench) packages="$packages python3-opencv python3-pip" ;; # the consumer in plain Python, see below
esac
[ "${1:-}" != dist ] || packages="$packages debhelper debootstrap dpkg-dev fakeroot help2man jq"
# A soak has RTSP cameras, and is drawn.
[ "${1:-}" != soak ] || packages="$packages gir1.2-gst-rtsp-server-1.0 python3-gi python3-matplotlib"
case "${1:-}" in engines | soak)
	# A Java 17, Maven and pip that are there already will do, wherever they come from.
	grep -qs 'JAVA_VERSION="17\.' "${JAVA_HOME:-}/release" /usr/lib/jvm/java-17-*/release || packages="$packages openjdk-17-jdk-headless"
	command -v mvn >/dev/null || packages="$packages maven"
	packages="$packages krb5-kdc krb5-admin-server krb5-user" # a realm for HDFS
	;;
esac

missing=""
for p in $packages; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done

sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
if [ -n "$missing" ]; then
	echo "installing Debian packages:$missing"
	if [ -n "$sudo" ] && ! command -v sudo >/dev/null; then
		echo "this needs root or sudo: apt-get install$missing" >&2
		exit 1
	fi
	$sudo apt-get update -qq
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# Slim images leave out documentation, and with it the sample videos.
samples=/usr/share/doc/opencv-doc/examples/data
if [ ! -e $samples/vtest.avi ] && [ ! -e .samples/data/vtest.avi ]; then
	echo "unpacking the sample videos of opencv-doc to .samples"
	mkdir -p .samples/deb
	(cd .samples/deb && apt-get download -qq opencv-doc && dpkg-deb -x opencv-doc_*.deb .)
	mv .samples/deb$samples .samples/data
	rm -r .samples/deb
fi

# Prometheus checks alert rules and scrapes in the tests. It is unpacked and not installed, since the
# package would start a service.
case "${1:-}" in test | engines | soak)
	if ! command -v prometheus >/dev/null && ! [ -x .prometheus/usr/bin/prometheus ]; then
		echo "unpacking Debian's Prometheus to .prometheus"
		mkdir -p .prometheus
		[ -z "$missing" ] && $sudo apt-get update -qq
		(cd .prometheus && apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb)
	fi
	;;
esac

if [ "${1:-}" = bench ] && ! [ -e .bench/python/confluent_kafka ]; then
	echo "installing confluent-kafka to .bench/python"
	/usr/bin/python3 -m pip install -q --target .bench/python confluent-kafka==2.16.1 ||
		echo "without confluent-kafka there is no comparison with plain Python" >&2
fi

# What judges pages for those who see, hear or move less (testdata/browser has the version too).
axe=4.14.1
case "${1:-}" in test | engines | soak)
	if ! [ -e ".browser/axe-core-$axe/axe.min.js" ]; then
		echo "fetching axe-core $axe to .browser"
		rm -rf .browser/fetching && mkdir -p .browser/fetching
		if (cd .browser/fetching && npm pack -s "axe-core@$axe" >/dev/null &&
			echo "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745  axe-core-$axe.tgz" | sha256sum -c --quiet - &&
			tar xzf "axe-core-$axe.tgz" package/axe.min.js package/LICENSE); then
			mv .browser/fetching/package ".browser/axe-core-$axe"
		else
			echo "without axe-core pages are not tested for who sees, hears or moves less" >&2
		fi
		rm -r .browser/fetching
	fi
	;;
esac

# The networks of the catalogue, by the program's own command.
case "${1:-}" in test | engines | soak)
	if ! [ -e .models/ssdlite-mobilenet-v2-coco.onnx ] || ! [ -e .models/centerface.onnx ]; then
		echo "fetching models to .models"
		go run ./cmd/framebeam models fetch --models .models >/dev/null ||
			echo "without its models the tests of objects are skipped" >&2
	fi
	;;
esac
