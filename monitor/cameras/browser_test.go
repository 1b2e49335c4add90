package cameras_test

import (
	"os"
	"testing"

	"github.com/framebeam/framebeam/monitor/monitortest"
	"github.com/framebeam/framebeam/testdata/browser"
)

func TestCamerasInABrowser(t *testing.T) {
	browser.Skip(t)
	s := monitortest.New(t, monitortest.Options{Frames: 130})
	p := browser.Visit(t, s.URL+"/#/cameras", browser.Desktop)
	p.Until(`document.querySelectorAll(".card .picture img:not([hidden])").length === 2`)
	if dir := os.Getenv("LOOK"); dir != "" {
		p.Picture(dir + "/grid.png")
	}
	p.Go("#/cameras/street")
	p.Until(`document.querySelector(".picture img:not([hidden])") && document.querySelector(".chart")`)
	if dir := os.Getenv("LOOK"); dir != "" {
		p.Picture(dir + "/camera.png")
	}
}
