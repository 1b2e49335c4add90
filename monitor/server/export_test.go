package server

import "time"

// Impatient makes a server wait for requests for so long only, and take so few of them.
func (s *Server) Impatient(header time.Duration, connections int) {
	s.bounds.header, s.bounds.connections = header, connections
}
