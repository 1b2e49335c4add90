// Package page is the frame and the looks that all our HTML files share: each is one file
// that needs nothing else, asks no host for anything, and can be read on a phone, with a
// keyboard, with a screen reader, in the light and in the dark, and without its script.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
)

//go:embed frame.html
var frame string

//go:embed style.css
var shared string

// Style is what all pages look like.
func Style() template.CSS { return template.CSS(shared) } //nolint:gosec // our own file

// Source is what a kind of page is made of. None of it comes from outside: what does goes
// into the content, which the template escapes.
type Source struct {
	Name    string           // of the kind, for errors
	Content string           // the template of what is in main, with [Funcs]
	Style   string           // CSS beyond the shared
	Script  string           // JavaScript; the page can be read without
	Funcs   template.FuncMap // beyond [Funcs]
}

// Kind is a kind of page, ready to be written.
type Kind struct {
	name   string
	page   *template.Template
	style  template.CSS
	script template.JS
}

// Head is what a page says of itself.
type Head struct {
	Title string // also the page's main heading
	Lead  string // a sentence or two below it; "" leaves it out
}

// New makes a kind of page, or says what is wrong with its template.
func New(s Source) (*Kind, error) {
	page, err := template.New("content").Funcs(Funcs()).Funcs(s.Funcs).Parse(s.Content)
	if err == nil {
		page, err = page.New("page").Parse(frame)
	}
	if err != nil {
		return nil, fmt.Errorf("page %s: %w", s.Name, err)
	}
	return &Kind{
		name: s.Name, page: page,
		style: template.CSS(shared + s.Style), script: template.JS(s.Script), //nolint:gosec // our own files
	}, nil
}

// Must is New for templates that are part of the program.
func Must(s Source) *Kind {
	k, err := New(s)
	if err != nil {
		panic(err)
	}
	return k
}

// Write writes a whole file. The browser is told to run and apply nothing but this kind's
// own script and style, by their digests, and to load nothing but pictures in the file.
func (k *Kind) Write(w io.Writer, head Head, content any) error {
	err := k.page.Execute(w, struct {
		Head
		Policy  string
		Style   template.CSS
		Script  template.JS
		Content any
	}{head, k.policy(), k.style, k.script, content})
	if err != nil {
		return fmt.Errorf("write page %s: %w", k.name, err)
	}
	return nil
}

// policy is the page's Content-Security-Policy.
func (k *Kind) policy() string {
	script := "'none'"
	if k.script != "" {
		script = digest(string(k.script))
	}
	return "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src " + digest(string(k.style)) + "; script-src " + script
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Image is a JPEG, PNG or WebP picture as the address of an image that lies in the page.
func Image(picture []byte) (template.URL, error) {
	kind := ""
	switch {
	case bytes.HasPrefix(picture, []byte{0xff, 0xd8, 0xff}):
		kind = "jpeg"
	case bytes.HasPrefix(picture, []byte("\x89PNG\r\n\x1a\n")):
		kind = "png"
	case len(picture) > 12 && string(picture[:4]) == "RIFF" && string(picture[8:12]) == "WEBP":
		kind = "webp"
	default:
		return "", errors.New("picture for a page: neither JPEG nor PNG nor WebP")
	}
	return template.URL("data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(picture)), nil //nolint:gosec // base64
}

// ImageBytes is about how much a picture of so many bytes takes in a page: every 64th
// character is a plus sign, which the template writes as five.
func ImageBytes(n int) int {
	return base64.StdEncoding.EncodedLen(n)*17/16 + len("data:image/jpeg;base64,")
}
