package page_test

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/framebeam/framebeam/history/page"
	"github.com/framebeam/framebeam/testdata/browser"
)

const everything = `<ul class="figures"><li><strong>{{count 12345}}</strong> events</li></ul>
<section class="panel"><h2>Facts</h2><dl class="facts"><dt>Period</dt><dd>all of it</dd></dl></section>
<h2>Counts</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Counts"><table><caption>Per camera</caption>
<thead><tr><th scope="col">Camera</th><th scope="col" class="number">Before</th></tr></thead>
<tbody><tr><th scope="row">gate</th><td class="number before">1</td></tr></tbody></table></div>
<p><span class="tag">changed</span> <span class="tag before">removed</span> <span class="tag after">added</span> <a href="#content">a link</a></p>
<p class="quiet small">quiet <code>mono</code></p>
<ul class="pictures"><li><figure><img src="{{.}}" alt="nothing" width="4" height="3"><figcaption>A picture</figcaption></figure></li></ul>
<p class="controls"><button type="button">Do</button> <label>Camera <select><option>all</option></select></label></p>`

func TestAPageInABrowser(t *testing.T) {
	browser.Skip(t)
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 4, 3))); err != nil {
		t.Fatal(err)
	}
	address, err := page.Image(picture.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	k := page.Must(page.Source{Name: "everything", Content: everything, Script: "document.title += ', and it runs'"})
	var b bytes.Buffer
	if err := k.Write(&b, page.Head{Title: "All that pages have", Lead: "One of each."}, address); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	p := browser.Open(t, file, browser.Desktop)
	if title := browser.Eval[string](p, "document.title"); title != "All that pages have, and it runs" {
		t.Errorf("the page's own script did not run: title %q", title)
	}
	if ran := browser.Eval[bool](p, `(() => {
		const s = document.createElement("script"); s.textContent = "window.foreign = true"; document.body.append(s);
		return window.foreign === true })()`); ran || len(p.Bad()) == 0 {
		t.Error("a script that is not the page's own ran")
	}
	if n := p.Pictures(); n != 1 {
		t.Errorf("%d pictures, want 1", n)
	}
	for _, view := range []browser.View{browser.Desktop, browser.Phone} {
		for _, view.Dark = range []bool{false, true} {
			p.Look(view)
			p.Accessible()
			p.Fits()
		}
	}
}
