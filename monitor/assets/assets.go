// Package assets is what browsers load of the page: HTML, styles and plain ES modules, which
// need no build step. All of it is in the program, and none of it names another host.
package assets

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"

	"github.com/framebeam/framebeam/history/page"
)

//go:embed index.html login.html *.css *.js *.svg
var files embed.FS

var login = template.Must(template.ParseFS(files, "login.html"))

// Login writes the page on which one logs in, with why that did not work.
func Login(w http.ResponseWriter, status int, why string) {
	var b bytes.Buffer
	_ = login.Execute(&b, why)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// Register adds the page itself at / and what it loads below /assets/.
func Register(mux *http.ServeMux) {
	names, _ := fs.ReadDir(files, ".")
	for _, n := range names {
		b, err := files.ReadFile(n.Name())
		if err != nil || n.Name() == "login.html" {
			continue
		}
		if n.Name() == "index.html" {
			mux.Handle("GET /{$}", file(n.Name(), b))
			continue
		}
		mux.Handle("GET /assets/"+n.Name(), file(n.Name(), b))
	}
	mux.Handle("GET /assets/page.css", file("page.css", []byte(page.Style())))
}

var types = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

func file(name string, b []byte) http.Handler {
	sum := sha256.Sum256(b)
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	kind := types[path.Ext(name)]
	if kind == "" {
		kind = mime.TypeByExtension(path.Ext(name))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b)
	})
}
