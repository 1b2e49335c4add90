package server

import (
	"net/http"

	"github.com/framebeam/framebeam/monitor/cameras"
	"github.com/framebeam/framebeam/monitor/web"
)

// register adds the handlers of all views.
func register(mux *http.ServeMux, d web.Deps) {
	cameras.Register(mux, d)
}
