package capture

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/transforms/frame"
)

// liveEpoch names an unbroken stretch of a live source: sorted by time, and
// never given twice, even by two collectors started at the same moment.
func liveEpoch(now time.Time) string {
	var random [8]byte
	rand.Read(random[:]) // never fails
	return now.UTC().Format("20060102T150405.000Z") + "-" + hex.EncodeToString(random[:])
}

// fileEpoch names one pass over one file, or image folder: it follows from the
// content, when it starts and all that changes which frames there are or their
// bytes. salt is what makes another epoch of the same, "" if nothing does.
func fileEpoch(content string, start time.Time, pass int, salt string, cam *config.Camera) string {
	h := sha256.New()
	fmt.Fprintf(h, "framebeam epoch 1\ncontent %s\nstart %d\npass %d\nsalt %q\n", content, start.UnixMilli(), pass, salt)
	fmt.Fprintf(h, "encoding %s\nsize %d %d\nmax_fps %v\n", cam.Encoding, cam.Size.X, cam.Size.Y, cam.MaxFPS)
	if cam.Encoding == frame.JPEG {
		fmt.Fprintf(h, "quality %d\n", cam.Quality)
	}
	if cam.Source.Kind == config.Images {
		fmt.Fprintf(h, "image_fps %v\n", cam.ImageFPS)
	}
	return "file-" + hex.EncodeToString(h.Sum(nil)[:16])
}

// digestStep is how many bytes of a file are read until it is said that it goes on.
const digestStep = 1 << 20

// digest identifies the content of files, in their order. They may be large: goesOn is
// called after each step, and an error of it ends it.
func digest(files []string, goesOn func() error) (string, error) {
	all := sha256.New()
	for _, path := range files {
		h := sha256.New()
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		for err == nil {
			if _, err = io.CopyN(h, f, digestStep); err == nil {
				err = goesOn()
			}
		}
		f.Close()
		if !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read %s: %w", path, err)
		}
		all.Write(h.Sum(nil))
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// sceneDigest identifies a generated scene by its description.
func sceneDigest(text string) string {
	h := sha256.Sum256([]byte(strings.TrimSpace(text)))
	return "scene:" + hex.EncodeToString(h[:])
}

// Salt returns what makes files published again other frames rather than
// repeats: another one on each call.
func Salt() string { return liveEpoch(time.Now()) }
