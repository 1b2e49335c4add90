package server

import (
	"net/http"

	"github.com/framebeam/framebeam/monitor/cameras"
	"github.com/framebeam/framebeam/monitor/draw"
	"github.com/framebeam/framebeam/monitor/pipeline"
	"github.com/framebeam/framebeam/monitor/timeline"
	"github.com/framebeam/framebeam/monitor/web"
)

// register adds the handlers of all views.
func register(mux *http.ServeMux, d web.Deps) {
	cameras.Register(mux, d)
	timeline.Register(mux, d)
	pipeline.Register(mux, d)
	draw.Register(mux, d)
}
