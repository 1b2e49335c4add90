#!/bin/bash
# Installs the newest package of dist/ (or of the folder given) on a fresh Debian 12 in a folder, as
# apt would, and runs the whole way of a frame there. Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."

package=$(ls -t "${1:-dist}"/framebeam_*.deb | head -1)
root=$(mktemp -d)
clean() {
	for m in dev proc; do ! mountpoint -q "$root/$m" || umount -l "$root/$m"; done
	rm -rf --one-file-system "$root"
}
trap clean EXIT

echo "a fresh Debian in $root"
debootstrap --variant=minbase bookworm "$root" >/dev/null
if [ -e /etc/apt/sources.list.d/debian.sources ]; then
	cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/"
	rm "$root/etc/apt/sources.list"
else
	cp /etc/apt/sources.list "$root/etc/apt/"
fi
echo "127.0.0.1 localhost" >"$root/etc/hosts" # any machine has it; the direct runner asks for it
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
cp "$package" "$root/framebeam.deb"
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }

echo "apt-get install ./$(basename "$package")"
inside apt-get update -qq
# Slim systems leave out documentation, and with it the sample videos.
inside apt-get install -y -qq --no-install-recommends ./framebeam.deb opencv-doc >/dev/null

inside framebeam version
inside framebeam-ingest --help >/dev/null
inside timeout 300 sh -c 'cd /tmp && framebeam run && framebeam verify --output out/analysis --archive out/archive'
inside apt-get remove -y -qq framebeam >/dev/null
! inside test -e /usr/bin/framebeam
echo "installed, ran, and is gone again"
