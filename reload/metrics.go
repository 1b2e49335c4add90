package reload

import "github.com/framebeam/framebeam/metrics"

var (
	lastOK      = metrics.Gauge("framebeam_config_last_reload_success", "1 if the last change of the configuration file came into use, or there was none; 0 if something is wrong with it.", "file").Joined(metrics.Lowest)
	lastAt      = metrics.Gauge("framebeam_config_last_reload_timestamp_seconds", "When the last change was noticed, since 1970; absent before one.", "file").Joined(metrics.Highest)
	reloads     = metrics.Counter("framebeam_config_reloads_total", "Changes of the configuration file that came into use.", "file")
	reloadFails = metrics.Counter("framebeam_config_reload_failures_total", "Changes that did not, since something is wrong with them.", "file")
)

// Measure says at an endpoint what becomes of changes. file is what the file is, cameras or
// analyses, and not its path.
func (s *State) Measure(e *metrics.Endpoint, file string) (remove func()) {
	return e.Collect(func(v *metrics.Values) {
		s.mu.Lock()
		defer s.mu.Unlock()
		ok := 1.0
		if s.last.Err != "" {
			ok = 0
		}
		v.Set(lastOK, ok, file)
		v.Set(reloads, float64(s.applied), file)
		v.Set(reloadFails, float64(s.failed), file)
		if !s.last.At.IsZero() {
			v.Set(lastAt, float64(s.last.At.UnixMilli())/1e3, file)
		}
	})
}
