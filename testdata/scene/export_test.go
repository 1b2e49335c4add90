package scene

// Infrared makes a picture by daylight one by night.
func (s *Scene) Infrared(width, height int, bgr []byte) {
	s.cfg.Width, s.cfg.Height = width, height
	s.infrared(bgr)
}
