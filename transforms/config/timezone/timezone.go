// Package timezone gives time zones by the rules that this program brings. A machine's own
// may be older or newer, and results depend on them.
package timezone

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"fmt"
	"io/fs"
	"sync"
	"time"
)

// Version is that of the rules: IANA's time zone database, which is in the public
// domain (https://www.iana.org/time-zones), as Go's lib/time packs it.
const Version = "2025c"

//go:embed zoneinfo.zip
var rules []byte

var archive = sync.OnceValues(func() (*zip.Reader, error) { return zip.NewReader(bytes.NewReader(rules), int64(len(rules))) })

var loaded sync.Map // of name to *time.Location

// Load returns the zone of an IANA name, "" for UTC. Names that mean something else on
// every machine, such as "Local", are not known.
func Load(name string) (*time.Location, error) {
	if name == "" || name == "UTC" {
		return time.UTC, nil
	}
	if z, ok := loaded.Load(name); ok {
		return z.(*time.Location), nil
	}
	z, err := load(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %q: %w", name, err)
	}
	loaded.Store(name, z)
	return z, nil
}

func load(name string) (*time.Location, error) {
	a, err := archive()
	if err != nil {
		return nil, err
	}
	data, err := fs.ReadFile(a, name)
	if err != nil {
		return nil, fmt.Errorf("IANA knows none of this name (%s; such as Europe/Berlin)", Version)
	}
	return time.LoadLocationFromTZData(name, data)
}
