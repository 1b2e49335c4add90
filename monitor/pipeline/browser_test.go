package pipeline_test

import (
	"os"
	"testing"

	"github.com/framebeam/framebeam/monitor/monitortest"
	"github.com/framebeam/framebeam/testdata/browser"
)

func TestThePipelineInABrowser(t *testing.T) {
	browser.Skip(t)
	s := monitortest.New(t, monitortest.Options{Frames: 130})
	p := browser.Visit(t, s.URL+"/#/pipeline", browser.Desktop)
	p.Until(`document.querySelector("#pipeline-storage table")`)
	p.Accessible()
	if dir := os.Getenv("LOOK"); dir != "" {
		p.Picture(dir + "/pipeline.png")
	}
}
