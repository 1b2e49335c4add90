//go:build engines

package job_test

import (
	"context"
	"testing"

	"github.com/framebeam/framebeam/pipelines/archive/copying"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/runner-configs/stack/servers"
	"github.com/framebeam/framebeam/runner-configs/stack/servers/serverstest"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/picture"
)

func TestAnOutputOnHDFSIsTheOneInALocalFolder(t *testing.T) {
	s := serverstest.Up(t, servers.Config{Services: []string{servers.HDFS}, DataNodes: 1})
	t.Setenv("HADOOP_CONF_DIR", s.HadoopConf())
	logs := trial.Split(film.Records(film.Config{Cameras: 4, Frames: 70, Seed: 41, Odd: true}), 2)
	b := trial.Start(t, logs...)
	local := t.TempDir()
	j := jobOn(t, b, local, "now")
	j.Pictures = picture.WithDetections
	run(t, j)
	want := trial.Tree(t, local)

	for _, root := range []string{s.HDFS() + "/out", "hdfs:///pieces"} {
		j = jobOn(t, b, root, "now")
		j.Pictures = picture.WithDetections
		if root == "hdfs:///pieces" {
			for _, until := range []string{"1", "40", "64", "100"} {
				setUntil(t, &j, until)
				run(t, j)
			}
			setUntil(t, &j, "now")
		}
		run(t, j)
		trial.SameTree(t, root, want, trial.Tree(t, root))
	}

	// An archive on HDFS, made twice, and analysed into a folder on HDFS.
	archiving := copying.Job{
		Runner: launch.Direct, Log: j.Log, Topic: trial.Topic, Archive: "hdfs:///archive", N: 48, Start: j.Start, Until: j.Until,
	}
	for range 2 {
		if _, err := archiving.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	beside := t.TempDir()
	archiving.Archive = beside
	if _, err := archiving.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	trial.SameTree(t, "archive", trial.Tree(t, beside), trial.Tree(t, "hdfs:///archive"))
	again := jobOn(t, b, "hdfs:///again", "now")
	again.Pictures = picture.WithDetections
	again.Log = log.Spec{Kind: archive.Kind, Root: "hdfs:///archive"}
	run(t, again)
	trial.SameTree(t, "reprocessed", want, trial.Tree(t, "hdfs:///again"))

	retainThereAndHere(t, b, "hdfs:///again", local)
}
