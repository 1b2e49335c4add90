#!/bin/sh
# Installs what Framebeam needs from Debian's packages, and only what is missing.
# "deps.sh test" adds what only the tests need.
set -eu

packages="g++ pkg-config ca-certificates libopencv-dev libopencv-contrib-dev opencv-doc"
[ "${1:-}" = test ] && packages="$packages python3-opencv"

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
