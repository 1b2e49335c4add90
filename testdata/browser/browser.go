// Package browser opens pages in a real, headless Chromium and says what is wrong with them:
// errors on the console, requests to anywhere, pictures that do not load, and what axe-core
// finds for those who see, hear or move less. scripts/deps.sh installs both.
package browser

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// AxeVersion is that of the npm package axe-core, as scripts/deps.sh has it.
const AxeVersion = "4.14.1"

// patience bounds all that a test does with one page.
const patience = 5 * time.Minute

// View is how a page is looked at.
type View struct {
	Width, Height int // of the window, in CSS pixels
	Dark          bool
	NoScript      bool // JavaScript is switched off
}

// The views that a page is made for.
var (
	Desktop = View{Width: 1280, Height: 900}
	Phone   = View{Width: 390, Height: 844}
)

// Page is a page in a browser. It is used by one goroutine.
type Page struct {
	t   testing.TB
	ctx context.Context
	url string
	// origin is what the page may ask for more, "" for nothing.
	origin string

	mu  sync.Mutex
	bad []string
}

// Skip skips the test where there is no Chromium: make deps-test installs it.
func Skip(t testing.TB) {
	t.Helper()
	if program() == "" {
		notTested(t, "there is no chromium here (make deps-test installs Debian's)")
		t.SkipNow()
	}
}

// notTested says so aloud; where everything has to be tested, it fails the test.
func notTested(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Logf("NOT TESTED: "+format, args...)
}

func program() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Open opens a local file in a browser of its own, which is closed with the test. Whatever
// goes wrong on the page until then fails the test: see [Page.Bad] for the rest.
func Open(t testing.TB, file string, view View) *Page {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, (&url.URL{Scheme: "file", Path: path}).String(), "", view)
}

// Visit is Open for a page that a server of this machine has, http://127.0.0.1:…: it may ask
// that server for more.
func Visit(t testing.TB, address string, view View) *Page {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, address, u.Scheme+"://"+u.Host+"/", view)
}

func open(t testing.TB, address, origin string, view View) *Page {
	t.Helper()
	Skip(t)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program()), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"), // whatever is asked for, nothing leaves this machine
		chromedp.Flag("touch-events", "enabled"),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("lang", "en-GB"), chromedp.Env("TZ=UTC"))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has none for root
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	ctx, end := chromedp.NewContext(ctx)
	p := &Page{t: t, ctx: ctx, url: address, origin: origin}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("close the browser: %v", err)
		}
		end()
		stop()
		cancel()
		if bad := p.Bad(); len(bad) > 0 {
			t.Errorf("%s:\n%s", address, strings.Join(bad, "\n"))
		}
	})
	if err := chromedp.Listen(ctx, p.hear); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	p.do(call(network.Enable, network.EnableParams{}), call(log.Enable, cdp.Empty{}), call(runtime.Enable, cdp.Empty{}))
	p.Load(view)
	return p
}

// Load opens the page anew.
func (p *Page) Load(view View) {
	p.t.Helper()
	p.do(call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: view.NoScript}))
	p.Look(view)
	p.do(chromedp.Navigate(p.url))
}

// call makes a step of a command of the DevTools protocol.
func call[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, c, params)
		return err
	})
}

// hear notes what should not be.
func (p *Page) hear(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if u, _, _ := strings.Cut(e.Request.URL, "#"); u != p.url && !p.may(u) {
			p.note("a request to %s", e.Request.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			args, _ := json.Marshal(e.Args)
			p.note("on the console: %s: %s", e.Type, args)
		}
	case *runtime.EventExceptionThrown:
		text, _ := json.Marshal(e.ExceptionDetails)
		p.note("an exception: %s", text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.note("in the log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	}
}

// may reports whether the page may ask for an address: its own server's, or what it has made itself.
func (p *Page) may(u string) bool {
	return strings.HasPrefix(u, "data:") || p.origin != "" && (strings.HasPrefix(u, p.origin) || strings.HasPrefix(u, "blob:"+p.origin))
}

func (p *Page) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bad = append(p.bad, fmt.Sprintf(format, args...))
}

// Bad is what went wrong until now: errors, warnings, requests to anywhere. It is forgotten.
func (p *Page) Bad() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	bad := p.bad
	p.bad = nil
	return bad
}

// do does these with the page.
func (p *Page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v", p.url, err)
	}
}

// Look changes the window and the colours that are preferred.
func (p *Page) Look(view View) {
	p.t.Helper()
	scheme := "light"
	if view.Dark {
		scheme = "dark"
	}
	p.do(call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(view.Width), Height: int64(view.Height), DeviceScaleFactor: 1, Mobile: view.Width < 600,
	}), call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}))
}

// Eval is the value of a JavaScript expression on the page, awaited if it is a promise.
func Eval[T any](p *Page, script string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", p.url, err)
	}
	return v
}

// Until waits until a JavaScript expression on the page is true. A page that does not get there
// fails the test.
func (p *Page) Until(script string) {
	p.t.Helper()
	const most, pause = time.Minute, 30 * time.Millisecond
	look := chromedp.Evaluate[bool](`(() => { try { return !!(` + script + `) } catch { return false } })()`)
	var err error
	for deadline := time.Now().Add(most); time.Now().Before(deadline); time.Sleep(pause) {
		var ok bool
		if ok, err = chromedp.Run(p.ctx, look); ok { // an error while another page comes
			return
		}
	}
	p.t.Fatalf("%s: after %v this is not so: %s (%v)\nThe page says:\n%s\n%s", Eval[string](p, "location.href"), most, script, err,
		Eval[string](p, "document.body.innerText"), strings.Join(p.Bad(), "\n"))
}

// Text is that of the first element that a CSS selector finds, as it is seen.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	return Eval[string](p, `document.querySelector(`+strconv.Quote(selector)+`).innerText`)
}

// Click clicks on the first element that a CSS selector finds.
func (p *Page) Click(selector string) {
	p.t.Helper()
	Eval[bool](p, `(document.querySelector(`+strconv.Quote(selector)+`).click(), true)`)
}

// Go shows another place of the same page, #/….
func (p *Page) Go(hash string) {
	p.t.Helper()
	Eval[bool](p, `(location.hash = `+strconv.Quote(hash)+`, true)`)
}

// Picture writes what the window shows to a PNG file of a name in the folder that the variable
// LOOK names, to be looked at; without it there is none.
func (p *Page) Picture(name string) {
	p.t.Helper()
	if dir := os.Getenv("LOOK"); dir != "" {
		p.shoot(filepath.Join(dir, name+".png"), page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng}, 0o600)
	}
}

// shoot writes what the window shows to a file.
func (p *Page) shoot(file string, how page.CaptureScreenshotParams, mode os.FileMode) {
	p.t.Helper()
	r, err := chromedp.Run(p.ctx, func(ctx context.Context, _ *chromedp.Target) (page.CaptureScreenshotResult, error) {
		return chromedp.Call(ctx, page.CaptureScreenshot, how)
	})
	if err == nil {
		err = os.WriteFile(file, r.Data, mode)
	}
	if err != nil {
		p.t.Fatalf("%s: %v", p.url, err)
	}
}

// Keys that are no letters.
const (
	Home  = kb.Home
	Down  = kb.ArrowDown
	Right = kb.ArrowRight
)

// Press presses keys, as a person does who has no mouse.
func (p *Page) Press(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// Pictures fails the test for every picture that does not load or has no text instead, and
// says how many there are.
func (p *Page) Pictures() int {
	p.t.Helper()
	type pictures struct {
		Count int
		Bad   []string
	}
	found := Eval[pictures](p, `(async () => {
		const bad = [], all = [...document.images];
		for (const i of all) {
			const what = i.alt || i.src.slice(0, 60);
			try { await i.decode(); } catch (e) { bad.push(what + ": " + e); continue; }
			if (!i.naturalWidth) bad.push(what + ": is empty");
			if (!i.hasAttribute("alt")) bad.push(what + ": has no text instead");
		}
		return {Count: all.length, Bad: bad};
	})()`)
	if len(found.Bad) > 0 {
		p.t.Errorf("pictures of %s:\n%s", p.url, strings.Join(found.Bad, "\n"))
	}
	return found.Count
}

// Fits fails the test if the page is wider than the window.
func (p *Page) Fits() {
	p.t.Helper()
	if over := Eval[float64](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		p.t.Errorf("%s is %v pixels wider than the window", p.url, over)
	}
}

// screenshots is where documents have their pictures.
var screenshots = flag.String("screenshots", "", "write the pictures that documents show to this `folder`")

// Document writes what the window shows as a picture of the documents, a .webp or .jpg, if
// the test is run with -screenshots.
func (p *Page) Document(name string) {
	p.t.Helper()
	if *screenshots == "" {
		return
	}
	as, quality := page.CaptureScreenshotFormatWebp, int64(75)
	if filepath.Ext(name) == ".jpg" {
		as = page.CaptureScreenshotFormatJpeg
	}
	p.shoot(filepath.Join(*screenshots, name), page.CaptureScreenshotParams{Format: as, Quality: &quality}, 0o644)
}
