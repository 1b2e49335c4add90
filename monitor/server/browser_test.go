package server_test

import (
	"testing"

	"github.com/framebeam/framebeam/monitor/monitortest"
	"github.com/framebeam/framebeam/monitor/server"
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
		for _, view := range []browser.View{browser.Phone, browser.Desktop} {
			p.Look(view)
			p.Fits()
		}
	}
	p.Press("?")
	p.Until(`document.getElementById("helping").open`)
	p.Accessible()
	p.Press("\x1b")
	for _, theme := range []string{"light", "dark", "system"} {
		p.Press("t")
		p.Until(`document.documentElement.dataset.theme === "` + theme + `"`)
	}
}

func TestTheLoginInABrowser(t *testing.T) {
	browser.Skip(t)
	file := users(t, "anna:"+hash(t, "correct horse")+"\n")
	address := serve(t, page(t, func(o *server.Options) { o.PasswordFile = file }))
	p := browser.Visit(t, "http://"+address+"/", browser.Phone)
	p.Until(`document.querySelector("h1").innerText === "Log in"`)
	p.Accessible()
	p.Fits()
	browser.Eval[bool](p, `(document.querySelector("[name=user]").value = "anna", document.querySelector("[name=password]").value = "correct horse", true)`)
	p.Click("button")
	p.Until(`document.querySelector("main h1")?.innerText === "Cameras"`)
	p.Click("#logout button")
	p.Until(`document.querySelector("h1").innerText === "Log in"`)
	p.Bad() // that the stream ended
}
