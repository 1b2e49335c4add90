#!/bin/bash
# Builds what is handed out, into dist/ (or the folder given): an archive and a Debian package of
# the program, what is inside of them (CycloneDX), and checksums. The same commit on the same
# Debian gives the same bytes. deps.sh dist installs what it needs.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-dist}
sbom_tool=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

# A tag names the version; what has none sorts before all that have, by the commit's time.
version=${VERSION:-}
if [ -z "$version" ]; then
	if tag=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null); then
		version=${tag#v}
	else
		version="0.0.0~$(git log -1 --date=format-local:%Y%m%d%H%M%S --format=%cd)+$(git rev-parse --short=9 HEAD)"
	fi
	[ -z "$(git status --porcelain)" ] || version="$version+modified"
fi
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C.UTF-8

arch=$(dpkg --print-architecture)
name=framebeam_${version}_$arch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
mkdir -p "$out"

echo "building framebeam $version for $arch"
tree=$work/$name
mkdir -p "$tree"/{bin,doc,examples,completions,man}
go build -buildvcs=true -trimpath -ldflags="-s -w" -o "$tree/bin/framebeam" ./cmd/framebeam
go build -buildvcs=true -trimpath -ldflags="-s -w" -o "$tree/bin/framebeam-ingest" ./ingest

for shell in bash zsh fish; do
	"$tree/bin/framebeam" completion $shell >"$tree/completions/framebeam.$shell"
done
manual() { # of a program: what it is
	help2man --no-info --no-discard-stderr --name "$2" --version-string "$version" "$tree/bin/$1" >"$tree/man/$1.1"
}
manual framebeam "analyse many video streams at once"
manual framebeam-ingest "publish the frames of cameras and films to Kafka"
cp LICENSE README.md CHANGELOG.md "$tree/"
cp docs/*.md docs/*.sql "$tree/doc/"
cp -r runner-configs/{flink,hdfs,kafka,spark,systemd,prometheus} "$tree/examples/"
find "$tree/examples" -name '*.go' -delete

echo "licences of what is linked in"
{
	echo "Framebeam is linked with these modules, under their own licences."
	go list -m -f '{{.Path}}@{{.Version}} {{.Dir}}' all >"$work/modules"
	go version -m "$tree/bin/framebeam" | awk '$1 == "dep" {print $2 "@" $3}' | sort | while read -r module; do
		dir=$(awk -v module="$module" '$1 == module {print $2}' "$work/modules")
		printf '\n==== %s ====\n\n' "$module"
		texts=$(find "$dir" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort)
		[ -n "$texts" ] || { echo "$module has no licence" >&2 && exit 1; }
		xargs -d '\n' cat <<<"$texts"
	done
} >"$tree/THIRD-PARTY-LICENSES"

echo "what is inside (CycloneDX)"
mkdir -p "$work/deb/debian"
cp -r packaging/debian/. "$work/deb/debian/"
depends=$(cd "$work/deb" && dpkg-shlibdeps -O -e"$tree/bin/framebeam" 2>/dev/null | sed 's/^shlibs:Depends=//')
echo "$depends" | tr ',|' '\n' | sed 's/(.*//; s/ //g' | sort -u | while read -r p; do
	dpkg-query -W -f '{"type": "library", "bom-ref": "pkg:deb/debian/${Package}@${Version}?arch=${Architecture}", "name": "${Package}", "version": "${Version}", "purl": "pkg:deb/debian/${Package}@${Version}?arch=${Architecture}&distro=debian-'"$(. /etc/os-release && echo "$VERSION_ID")"'", "scope": "required"}\n' "$p"
done >"$work/debian.jsonl"
# The tool is a program of its own, not of this module.
GOFLAGS='' go run "$sbom_tool" bin -json -licenses -noserial -output-version 1.5 -version "v$version" -output "$work/go.json" "$tree/bin/framebeam" 2>"$work/sbom.log" ||
	{ cat "$work/sbom.log" >&2 && exit 1; }
jq --arg version "$version" --arg time "$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)" --slurpfile debian "$work/debian.jsonl" \
	'.metadata.component.version = $version | .metadata.timestamp = $time | .components += $debian' \
	"$work/go.json" >"$out/$name.cdx.json"
cp "$out/$name.cdx.json" "$tree/framebeam.cdx.json"

echo "archive"
tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C "$work" -cf - "$name" | gzip -n9 >"$out/$name.tar.gz"

echo "Debian package"
deb=$work/deb
cp -r "$tree" "$deb/tree"
cat >"$deb/debian/changelog" <<END
framebeam ($version) stable; urgency=medium

  * See /usr/share/doc/framebeam/HISTORY.md.gz.

 -- Framebeam <framebeam@packages.invalid>  $(date -R -u -d "@$SOURCE_DATE_EPOCH")
END
(
	cd "$deb"
	# Debian's names of completions have no ending.
	mv tree/completions/framebeam.bash tree/completions/framebeam
	mv tree/completions/framebeam.zsh tree/completions/_framebeam
	# debhelper would take this name for Debian's own changelog.
	mv tree/CHANGELOG.md tree/HISTORY.md
	{
		echo "tree/bin/* usr/bin"
		echo "tree/completions/framebeam usr/share/bash-completion/completions"
		echo "tree/completions/_framebeam usr/share/zsh/vendor-completions"
		echo "tree/completions/framebeam.fish usr/share/fish/vendor_completions.d"
		echo "tree/examples/systemd/*.service lib/systemd/system"
	} >debian/framebeam.install
	printf '%s\n' tree/man/*.1 >debian/framebeam.manpages
	printf '%s\n' tree/{README,HISTORY}.md tree/THIRD-PARTY-LICENSES tree/framebeam.cdx.json "tree/doc/*" >debian/framebeam.docs
	echo "tree/examples/*" >debian/framebeam.examples
	dpkg-buildpackage -b -us -uc --no-check-builddeps >../deb.log 2>&1 || { cat ../deb.log >&2 && exit 1; }
)
cp "$work/$name.deb" "$out/"

(cd "$out" && sha256sum "$name".* >"$name.sha256" && ls -lh "$name".*)
