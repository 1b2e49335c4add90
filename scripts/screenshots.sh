#!/bin/sh
# Makes the pictures that docs/ shows of reports, storyboards, clips and stills, of the sample
# videos. It needs bin/framebeam, and what "deps.sh test" installs.
set -eu

out=out/screenshots
bin/framebeam run --into $out
framebeam="bin/framebeam --quiet"

# What the demonstration looked for with its line and zone moved; and with features besides.
sed -e 's/crossing: {points: .*}}$/crossing: {points: [[0.62, 0.15], [0.55, 1]]}}/' \
	-e 's/polygon: .*, loiter: 20s/polygon: [[0, 0.4], [0.42, 0.4], [0.42, 1], [0, 1]], loiter: 8s/' \
	$out/analyses.yaml >out/moved-line.yaml
(echo "perceptual_hash: true" && echo "histogram: true" && cat $out/analyses.yaml) >out/features.yaml

from="--archive $out/archive --zone UTC"
$framebeam backtest --output $out/analysis --config out/moved-line.yaml --report out/report.html $from || [ $? = 3 ]
rm -rf out/featured
$framebeam reprocess --runner=direct --archive $out/archive --topic frames --output out/featured --chunk 256 --config out/features.yaml
$framebeam storyboard --runner=direct --output out/featured --page out/storyboard.html $from
at="2024-05-01 08:00:16"
$framebeam still --output $out/analysis --camera pedestrians --at "$at" --boxes --save docs/still.jpg $from
$framebeam clip --output $out/analysis --camera pedestrians --from "$at" --to "2024-05-01 08:00:22" --boxes --save out/clip.mp4 $from

go test -count=1 -run TestScreenshotsOfPages ./testdata/browser -args -screenshots "$PWD/docs" -shots "
	report.webp=$PWD/out/report.html report-difference.webp=$PWD/out/report.html#g1 report-phone.webp=$PWD/out/report.html#g1
	storyboard-films.webp=$PWD/out/storyboard.html clip.webp=$PWD/out/clip.mp4"

# The page that monitor serves, of its own tests.
go test -count=1 -run Browser ./monitor/cameras ./monitor/pipeline ./monitor/timeline ./monitor/draw -args -screenshots "$PWD/docs"
