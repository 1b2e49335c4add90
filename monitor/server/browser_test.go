package server_test

import (
	"testing"

	"github.com/framebeam/framebeam/monitor/monitortest"
	"github.com/framebeam/framebeam/testdata/browser"
)

func TestThePageInABrowser(t *testing.T) {
	browser.Skip(t)
	s := monitortest.New(t, monitortest.Options{Frames: 70})
	p := browser.Visit(t, s.URL+"/", browser.Desktop)
	p.Until(`document.getElementById("live").dataset.on === "true"`)
	for key, title := range map[string]string{"1": "Cameras", "2": "Events", "3": "Pipeline", "4": "Draw"} {
		p.Press(key)
		p.Until(`document.querySelector("main h1")?.innerText === "` + title + `"`)
		for _, view := range []browser.View{browser.Desktop, browser.Phone} {
			for _, view.Dark = range []bool{false, true} {
				p.Look(view)
				p.Accessible()
				p.Fits()
			}
		}
		p.Look(browser.Desktop)
	}
	p.Press("?")
	p.Until(`document.getElementById("helping").open`)
	p.Accessible()
}
