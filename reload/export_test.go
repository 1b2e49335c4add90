package reload

// Counts are how many changes came into use, and how many did not.
func (s *State) Counts() (applied, failed int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applied, s.failed
}
