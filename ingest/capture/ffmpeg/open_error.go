package ffmpeg

// #include "film.h"
// #include <libavutil/error.h>
import "C"

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// Step is what was to be done when a film could not be opened.
type Step int

// The steps, in their order.
const (
	Opening  Step = C.FB_OPEN     // connect and ask, or read the header
	Streams  Step = C.FB_STREAMS  // find out what is in it
	Video    Step = C.FB_VIDEO    // find pictures in it
	Decoder  Step = C.FB_DECODER  // find a decoder
	Decoding Step = C.FB_DECODING // begin to decode
	Other    Step = C.FB_OTHER    // nothing that the film has to do with
)

// OpenError says why a film or stream could not be opened, in FFmpeg's words.
type OpenError struct {
	Step  Step
	Code  int    // FFmpeg's (AVERROR); 0 if it has none
	Codec string // of its video, as far as that is known
	Said  string // what FFmpeg wrote to its log meanwhile; it may hold the URL

	text string
}

func (e *OpenError) Error() string { return e.text }

// refusal is how FFmpeg's RTSP and HTTP say what a server has answered (libavformat's
// rtsp.c and http.c).
var refusal = regexp.MustCompile(`(?m)(?:method [A-Z_]+ failed:|HTTP error) (\d{3}) *(.*)$`)

// Status is what a server of RTSP or HTTP has answered instead of the stream; 0 if it
// has answered nothing of the kind.
func (e *OpenError) Status() (code int, text string) {
	switch e.Code {
	case C.AVERROR_HTTP_BAD_REQUEST:
		code = http.StatusBadRequest
	case C.AVERROR_HTTP_UNAUTHORIZED:
		code = http.StatusUnauthorized
	case C.AVERROR_HTTP_FORBIDDEN:
		code = http.StatusForbidden
	case C.AVERROR_HTTP_NOT_FOUND:
		code = http.StatusNotFound
	}
	// The log has it exactly, and last what it ended with: before a 401 that is one
	// there may have been one that only asked for the password.
	if all := refusal.FindAllStringSubmatch(e.Said, -1); all != nil {
		last := all[len(all)-1]
		if n, err := strconv.Atoi(last[1]); err == nil && (code == 0 || n == code) {
			return n, strings.TrimSpace(last[2])
		}
	}
	return code, http.StatusText(code)
}

// Errno is the system's error, 0 if it was none.
func (e *OpenError) Errno() syscall.Errno {
	if e.Code < 0 && e.Code > -4096 {
		return syscall.Errno(-e.Code)
	}
	return 0
}

// Invalid reports that what came was nothing that FFmpeg knows.
func (e *OpenError) Invalid() bool { return e.Code == C.AVERROR_INVALIDDATA }
